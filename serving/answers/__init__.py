"""The engine's answers, as clients get them."""
