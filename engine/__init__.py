"""The public inference interface: load a checkpoint, turn a request into a stream of events."""
