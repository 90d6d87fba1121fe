"""The conversation as the page keeps it."""
