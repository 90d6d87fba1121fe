"""A worker: one engine behind HTTP, spoken to as clients of the OpenAI API speak."""
