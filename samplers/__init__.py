"""Sampling loops and nothing else: from a denoiser and a source state to a stream of steps."""
