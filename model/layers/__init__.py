"""The layers that every network here is made of."""
