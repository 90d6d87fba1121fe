"""The training loop, in one or many processes."""
