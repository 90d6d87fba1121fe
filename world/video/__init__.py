"""Films: motions and what can be said about them."""
