"""The picture dictionary: codes that name what is seen, where in it, and how it looks."""
