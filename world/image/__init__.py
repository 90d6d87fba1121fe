"""Scenes: graphs, drawings, backgrounds."""
