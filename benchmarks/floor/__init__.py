"""The floor: what no program can do without. Fetch, decode, encode, write; pages in whatever order they come."""
