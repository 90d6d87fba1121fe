"""Digests of 24 answers of the shipped model: the same request gives the same bytes."""
