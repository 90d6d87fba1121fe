"""Published checkpoints into ours: what each layout's tensors are here, and the command that moves
them. `python -m model.convert KIND SOURCE OUT`, see docs/checkpoints.md."""
