"""Scenes: graphs, drawings, changes."""
