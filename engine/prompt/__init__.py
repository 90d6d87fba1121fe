"""From a conversation to a prompt, and what an answer consists of."""
