"""The prompt of a conversation, and what an answer consists of."""
