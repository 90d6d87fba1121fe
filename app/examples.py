"""Things to press: the prompts that the page offers, in one place."""

PICTURES = (
    "a panda in the sky",
    "a rocket at night",
    "three apples on a yellow background",
    "a cat and a dog",
    "four bees in the sky",
    "two pizzas",
)
QUESTIONS = (
    "draw a rocket at night",
    "draw a cat and a dog",
    "what can you do?",
    "hello!",
)
ABOUT_A_PICTURE = "what is in this picture?"
SUGGESTIONS = (
    "draw a panda in the sky",
    "draw three apples",
    "what can you draw?",
)
"""Offered under an answer when the wish lies outside the model's world."""
