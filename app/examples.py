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
    "a red car moving to the left",
    "a ball bouncing",
    "a rocket flying up at night",
    "a star appears in the night sky",
    "two fish moving to the right",
)
QUESTIONS = (
    "draw a rocket at night",
    "draw a cat and a dog",
    "what can you do?",
    "hello!",
)
ABOUT_A_PICTURE = "what is in this picture?"
ABOUT_A_FILM = "what happens in this video?"
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
