"""Recorded runs as the Lab shows them."""
