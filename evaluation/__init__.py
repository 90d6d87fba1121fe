"""Measures of a checkpoint on held-out scenes: one file a suite, one shape of result for all."""
