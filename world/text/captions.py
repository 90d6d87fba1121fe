"""Captions of scenes and questions about them, derived from the graph.

Everything is lower case English. Owns: `caption`, `Question`, `questions`. Does not own: talk that
is not about a picture (`world.text.dialogue`).
"""

from dataclasses import dataclass, replace

import numpy as np

from world.concepts import BY_NAME, CONCEPTS, SYNONYMS
from world.image.scenes import Background, Family, Item, Scene, relation_holds
from world.sampling import pick

NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five")
RELATION_PHRASES: dict[str, tuple[str, ...]] = {
    "above": ("above", "over", "on top of"),
    "below": ("below", "under", "beneath"),
    "left of": ("to the left of", "left of", "on the left of"),
    "right of": ("to the right of", "right of", "on the right of"),
}
PLACE_PHRASES: dict[str, tuple[str, ...]] = {
    "sky": ("in the sky", "up in the sky"),
    "grass": ("on the grass", "in a meadow"),
    "sea": ("at sea", "by the sea"),
    "night": ("at night", "in the night sky"),
    "room": ("in a room", "inside a room"),
    "beach": ("on the beach", "at the beach"),
    "forest": ("in the forest", "in a forest"),
    "snow": ("in the snow", "on the snow"),
    "city": ("in the city", "in a city"),
    "desert": ("in the desert", "in a desert"),
    "space": ("in space", "in outer space"),
    "underwater": ("under water", "in the ocean"),
    "kitchen": ("in the kitchen", "in a kitchen"),
    "farm": ("on the farm", "on a farm"),
    "stage": ("on the stage", "on a stage"),
}


SYNONYM_SHARE = 0.3
"""The share of things with other names that are called by one of them in a wish."""
_VOWELS, _SPOKEN_WITH_Y = ("a", "e", "i", "o", "u", "hour"), ("uni", "ufo")


@dataclass(frozen=True)
class Question:
    """A question about an image. kind: object, colour, count, position, yes_no or background."""

    text: str
    answer: str
    kind: str


def with_article(words: str) -> str:
    """Add the article: "dog" -> "a dog", "apple" -> "an apple", "grapes" -> "grapes"."""
    concept = BY_NAME.get(words.split()[-1])
    if concept is not None and concept.form != "one":
        return words
    vowel = words.startswith(_VOWELS) and not words.startswith(_SPOKEN_WITH_Y)
    return ("an " if vowel else "a ") + words


def noun(item: Item, *, size: bool = True, colour: bool = True) -> str:
    """Return the item's words without an article: "big red heart"."""
    return " ".join(
        w
        for w in ((item.size if size else ""), (item.colour or "") if colour else "", item.concept)
        if w
    )


def plural_noun(item: Item) -> str:
    """Return the plural: "small red hearts"."""
    return " ".join(w for w in (item.size, item.colour or "", BY_NAME[item.concept].plural) if w)


def background_phrase(background: Background, rng: np.random.Generator) -> str:
    """Return a true phrase for the background: "on a blue background", "at night"."""
    if background.kind == "plain":
        colour = background.colours[0]
        return pick(
            rng,
            (
                f"on {with_article(colour)} background",
                f"on {colour}",
                f"with {with_article(colour)} background",
            ),
        )
    if background.kind == "gradient":
        top, bottom = background.colours
        return pick(
            rng,
            (
                f"on {with_article(top)} and {bottom} gradient",
                f"on a gradient from {top} to {bottom}",
            ),
        )
    return pick(rng, PLACE_PHRASES[background.kind])


def objects_phrase(scene: Scene, rng: np.random.Generator, *, size: bool = True) -> str:
    """Return the objects in words, in the form of the scene's family."""
    items = scene.items
    if scene.family is Family.COUNTING:
        return f"{NUMBER_WORDS[len(items)]} {plural_noun(items[0])}"
    nouns = [with_article(noun(_called(i, rng), size=size)) for i in items]
    if scene.relation is not None:
        a, b, relation = nouns[0], nouns[1], scene.relation
        if rng.random() < 0.3:
            opposite = {
                "above": "below",
                "below": "above",
                "left of": "right of",
                "right of": "left of",
            }
            a, b, relation = b, a, opposite[relation]
        return f"{a} {pick(rng, RELATION_PHRASES[relation])} {b}"
    if len(nouns) == 1:
        return nouns[0]
    if len(nouns) == 2:
        return f"{nouns[0]} {pick(rng, ('and', 'and', 'with'))} {nouns[1]}"
    return ", ".join(nouns[:-1]) + " and " + nouns[-1]


def _called(item: Item, rng: np.random.Generator) -> Item:
    """Return the item under another of its names, sometimes."""
    others = SYNONYMS.get(item.concept, ())
    if not others or rng.random() >= SYNONYM_SHARE:
        return item
    return replace(item, concept=pick(rng, others))


def caption(scene: Scene, rng: np.random.Generator, *, background: float = 0.5) -> str:
    """Return a true caption; it mentions the background with that probability."""
    words = objects_phrase(scene, rng)
    if rng.random() < background:
        words += " " + background_phrase(scene.background, rng)
    return words


def full_caption(scene: Scene) -> str:
    """Return the canonical caption, the model's target description and the reference of the caption
    score: objects from left to right, a relation where it holds between two, then the
    background."""
    items = reading_order(scene)
    if scene.family is Family.COUNTING:
        words = f"{NUMBER_WORDS[len(items)]} {plural_noun(items[0])}"
    else:
        words = _enumeration(items)
    return f"{words} {canonical_background(scene.background)}"


def _enumeration(items: tuple[Item, ...]) -> str:
    nouns = [with_article(noun(i)) for i in items]
    if len(items) == 2:
        for (i, j), relation in (((0, 1), "left of"), ((0, 1), "above"), ((1, 0), "above")):
            if relation_holds(relation, items[i], items[j]):
                return f"{nouns[i]} {RELATION_PHRASES[relation][0]} {nouns[j]}"
    return nouns[0] if len(nouns) == 1 else ", ".join(nouns[:-1]) + " and " + nouns[-1]


def canonical_background(background: Background) -> str:
    """Return the first phrase for the background."""
    if background.kind == "plain":
        return f"on {with_article(background.colours[0])} background"
    if background.kind == "gradient":
        return f"on {with_article(background.colours[0])} and {background.colours[1]} gradient"
    return PLACE_PHRASES[background.kind][0]


def reading_order(scene: Scene) -> tuple[Item, ...]:
    """Sort the items from left to right, then top to bottom."""
    return tuple(sorted(scene.items, key=lambda i: i.centre))


def questions(scene: Scene, rng: np.random.Generator) -> list[Question]:
    """Return questions with one right answer, one of each kind that applies."""
    found = [_what(scene, rng), _count(scene, rng), _yes_no(scene, rng), _background(scene, rng)]
    found += [_colour(scene, rng), _position(scene, rng)]
    return [q for q in found if q is not None]


def _what(scene: Scene, rng: np.random.Generator) -> Question:
    asked = pick(
        rng,
        (
            "what is this?",
            "what do you see?",
            "describe the picture.",
            "what is in the picture?",
            "describe this image.",
            "caption this picture.",
            "what can you see here?",
            "tell me what this shows.",
        ),
    )
    return Question(asked, full_caption(scene), "object")


def _count(scene: Scene, rng: np.random.Generator) -> Question | None:
    item = scene.items[int(rng.integers(len(scene.items)))]
    if not BY_NAME[item.concept].countable:
        return None
    plural = BY_NAME[item.concept].plural
    number = sum(i.concept == item.concept for i in scene.items)
    asked = pick(
        rng,
        (
            f"how many {plural} are there?",
            f"how many {plural} do you see?",
            f"count the {plural}.",
            f"what number of {plural} is in the picture?",
        ),
    )
    return Question(asked, NUMBER_WORDS[number], "count")


def _colour(scene: Scene, rng: np.random.Generator) -> Question | None:
    coloured = [
        i
        for i in scene.items
        if i.colour is not None
        and len({j.colour for j in scene.items if j.concept == i.concept}) == 1
    ]
    if not coloured:
        return None
    item = coloured[int(rng.integers(len(coloured)))]
    many = sum(i.concept == item.concept for i in scene.items) > 1
    concept = BY_NAME[item.concept]
    name, verb = (concept.plural, "are") if many else (item.concept, concept.verb)
    many |= verb == "are"
    asked = pick(
        rng,
        (
            f"what colour {verb} the {name}?",
            f"what color {verb} the {name}?",
            f"which colour {'do' if many else 'does'} the {name} have?",
            f"tell me the colour of the {name}.",
        ),
    )
    return Question(asked, str(item.colour), "colour")


def _yes_no(scene: Scene, rng: np.random.Generator) -> Question:
    present = {i.concept for i in scene.items}
    if rng.random() < 0.5:
        item = scene.items[int(rng.integers(len(scene.items)))]
        name, answer = item.concept, "yes"
    else:
        absent = [c.name for c in CONCEPTS if c.name not in present]
        name, answer = pick(rng, tuple(absent)), "no"
    thing = with_article(name)
    asked = pick(
        rng,
        (
            f"{BY_NAME[name].verb} there {thing}?",
            f"do you see {thing}?",
            f"can you see {thing} in the picture?",
        ),
    )
    return Question(asked, answer, "yes_no")


def _background(scene: Scene, rng: np.random.Generator) -> Question | None:
    background = scene.background
    if background.kind == "gradient":
        return None
    if background.kind == "plain":
        asked = pick(
            rng,
            (
                "what colour is the background?",
                "what color is the background?",
                "which colour is behind it?",
            ),
        )
        return Question(asked, background.colours[0], "background")
    asked = pick(rng, ("where is this?", "where does this take place?", "what is the place?"))
    return Question(asked, PLACE_PHRASES[background.kind][0], "background")


def _position(scene: Scene, rng: np.random.Generator) -> Question | None:
    if len(scene.items) != 2 or scene.items[0].concept == scene.items[1].concept:
        return None
    a, b = scene.items if rng.random() < 0.5 else scene.items[::-1]
    relation = next((r for r in RELATION_PHRASES if relation_holds(r, a, b)), None)
    if relation is None:
        return None
    if rng.random() < 0.5:
        asked = f"where {BY_NAME[a.concept].verb} the {a.concept}?"
        return Question(asked, f"{RELATION_PHRASES[relation][0]} the {b.concept}", "position")
    phrase = pick(rng, RELATION_PHRASES[relation])
    return Question(
        f"what is {phrase} the {b.concept}?", with_article(noun(a, size=False)), "position"
    )
