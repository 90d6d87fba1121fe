"""Checkpoints on a disk, and where a model lives."""
