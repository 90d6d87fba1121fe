"""Fused kernels of a transition."""
