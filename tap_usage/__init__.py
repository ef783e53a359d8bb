"""Singer tap for usage data."""
