"""Examples of speech: clips as codes, their letters, and what is heard and said."""
