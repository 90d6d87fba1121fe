"""The bodies that clients send, and the engine's requests that they mean."""
