"""What a user would run instead, each a program of its own for its own environment."""
