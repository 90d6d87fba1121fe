"""Layouts of published checkpoints, one a file."""
