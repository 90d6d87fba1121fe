"""Training: the data stream, the losses, a time-budgeted resumable loop, and the stages that use
them."""
