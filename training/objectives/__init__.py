"""Losses, and the corruption of what they see."""
