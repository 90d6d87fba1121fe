"""Things to press: the prompts that the page offers, in one place."""

PICTURES = (
    "a panda in the sky",
    "a rocket at night",
    "three apples on a yellow background",
    "a cat and a dog",
    "four bees in the sky",
    "two pizzas",
)
FILMS = (
    "a blue car moving to the left",
    "a penguin bouncing on the grass",
    "a rocket moving up in the sky",
    "a yellow star appears at night",
    "two fish moving to the right",
    "a cow and a pig crossing",
)
QUESTIONS = (
    "draw a rocket at night",
    "draw a cat and a dog",
    "what can you do?",
    "hello!",
)
WORDS_ALONE = (
    "hello!",
    "what can you do?",
    "why is the sky blue?",
    "three ideas for a rainy day",
)
"""For a checkpoint that knows words alone."""
ABOUT_A_PICTURE = "what is in this picture?"
ABOUT_A_FILM = "what happens in this video?"
ABOUT_FILMS = ("what happens?", "what moves?", "show me the last frame")
SUGGESTIONS = (
    "draw a panda in the sky",
    "draw three apples",
    "what can you draw?",
)
"""Offered under an answer when the wish lies outside the model's world."""
SPOKEN = ("hello!", "what can you do?", "say a red heart", "the sound of rain")
VOICES = {
    "▶ “tell me three animals”": "test-000031",
    "▶ “what sound does a bell make?”": "test-000015",
    "▶ “show me a big crown”": "test-000038",
}
"""Recordings of voices that the model was never trained on, by their names in assets/speech."""
FINDS = (
    ("a car moving to the left", ""),
    ("make the car purple", "picture-014.webp"),
    ("an owl at night", ""),
    ("put the sun on the grass", "picture-016.webp"),
    ("the sound of rain", ""),
    ("make the star green", "picture-038.webp"),
    ("", "film-000.webp"),
)
"""Queries of the gallery: words, and the shipped file that is given with them."""
