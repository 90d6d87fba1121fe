"""The networks: vision tokenizer, text tokenizer, backbone, heads, and the model that joins
them."""
