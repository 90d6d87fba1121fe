"""Wrappers around a `Denoiser`: guidance, cache, end marker, alternatives."""
