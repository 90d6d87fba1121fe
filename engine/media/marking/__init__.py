"""Imperceptible marks in pictures, films and sound that say: made by a model."""
