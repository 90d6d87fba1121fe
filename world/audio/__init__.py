"""Sounds, voices and the speech corpus."""
