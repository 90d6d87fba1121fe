"""One segment from its specification to its events."""
