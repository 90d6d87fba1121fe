"""The backbone with its embeddings, heads and probes."""
