"""Sentences, questions and conversations of the world."""
