"""The procedural world that the embedded model is trained on: drawn scenes and what is said of
them."""
