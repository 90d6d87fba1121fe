"""The training stages, one a file."""
