"""Things to press: the prompts that the page offers, in one place."""

PICTURES = (
    "a red heart above a dog",
    "a big whale by the sea",
    "three strawberries",
    "two yellow stars in the sky",
    "a cat left of a blue car at night",
    "a panda and a purple balloon on the grass",
)
QUESTIONS = (
    "draw a rocket above a house at night",
    "draw four strawberries",
    "what can you do?",
    "hello!",
)
ABOUT_A_PICTURE = "what is in this picture?"
SUGGESTIONS = (
    "draw a cat left of a pink heart",
    "draw three bees in the sky",
    "what can you draw?",
)
"""Offered under an answer when the wish lies outside the model's world."""
