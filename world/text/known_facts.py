"""Facts of things that dialogues state, each checked by hand.

Owns: the tables. Does not own: the sentences (`world.text.dialogue`).
"""

from collections.abc import Mapping

SOUNDS: Mapping[str, str] = {
    "dog": "woof", "cat": "meow", "cow": "moo", "pig": "oink", "frog": "ribbit", "bee": "buzz",
    "owl": "hoot", "lion": "roar", "horse": "neigh", "chicken": "cluck", "bell": "ding dong",
    "clock": "tick tock", "drum": "boom boom", "train": "choo choo", "car": "vroom",
    "wolf": "howl", "duck": "quack", "goose": "honk", "goat": "baa", "ram": "baa",
    "mouse": "squeak", "bird": "tweet", "chick": "peep", "snake": "hiss", "turkey": "gobble",
    "rooster": "cock a doodle doo", "donkey": "hee haw", "cricket": "chirp", "dove": "coo",
    "mosquito": "buzz", "fly": "buzz", "tiger": "roar", "gorilla": "grunt", "seal": "arf arf",
    "ambulance": "nee naw", "phone": "ring ring", "camera": "click", "truck": "honk honk",
    "ship": "toot toot", "motorcycle": "vroom",
}  # fmt: skip
"""Thing -> what it says or how it sounds."""
NATURAL_COLOURS: Mapping[str, str] = {
    "banana": "yellow", "apple": "red", "strawberry": "red", "grapes": "purple", "frog": "green",
    "pig": "pink", "elephant": "grey", "fox": "orange", "whale": "blue", "tree": "green",
    "cactus": "green", "sun": "yellow", "cloud": "white", "turtle": "green", "trumpet": "yellow",
    "lemon": "yellow", "tomato": "red", "carrot": "orange", "cucumber": "green",
    "broccoli": "green", "lettuce": "green", "peas": "green", "cherries": "red",
    "blueberries": "blue", "pineapple": "yellow", "pumpkin": "orange", "flamingo": "pink",
    "swan": "white", "snowman": "white", "crocodile": "green", "lobster": "red", "crab": "red",
    "gorilla": "black", "bear": "brown", "monkey": "brown", "moose": "brown", "chocolate": "brown",
    "coffee": "brown", "milk": "white", "salt": "white", "rice": "white", "snowflake": "white",
    "ladybug": "red", "pine": "green", "taxi": "yellow", "rat": "grey", "mouse": "grey",
    "shark": "grey", "koala": "grey", "rhino": "grey", "clover": "green", "corn": "yellow",
    "eggplant": "purple", "tangerine": "orange", "chick": "yellow", "dove": "white",
}  # fmt: skip
"""Thing -> the colour that it has."""
KIND_NOUNS: Mapping[str, str] = {
    "animal": "an animal", "food": "something to eat", "vehicle": "a vehicle",
    "nature": "a part of nature", "instrument": "a musical instrument",
    "object": "a thing", "shape": "a shape", "plant": "a plant", "building": "a building",
    "clothes": "something to wear", "tool": "a tool", "toy": "something to play with",
    "furniture": "something in a house", "machine": "a machine",
}  # fmt: skip
"""Kind -> the words for it."""
