"""Videos: motions, captions and questions."""
