"""Changes of scenes, and the messages that ask for them."""
