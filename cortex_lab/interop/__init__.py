"""Models of others and for others."""
