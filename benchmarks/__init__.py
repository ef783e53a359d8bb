"""Benchmarks: the tap, what a user would run instead, and the least that any program has to do."""
