"""Refinements of many runs as the rows of one call."""
