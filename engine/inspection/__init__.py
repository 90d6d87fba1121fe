"""Recorded runs, and what can be read from them."""
