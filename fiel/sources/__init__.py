"""Foreign formats to core tables."""
