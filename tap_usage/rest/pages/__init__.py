"""How an answer goes on: where its rows are, what is asked next, and what proves that nothing is missing."""
