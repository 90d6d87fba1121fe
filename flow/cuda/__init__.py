"""Fused kernels of a transition, and their plain twin."""
