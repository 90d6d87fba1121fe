"""What is true of a picture or a film, as a set of small facts: of its graph, of what a judge read
from it, and of words about it. Two of them share what both hold.

A fact is a tuple of words, such as ("number", "dog", "2"). Owns: the facts of scenes, of films and
of sentences. Does not own: reading pixels (`evaluation.judges.image_parser`,
`evaluation.judges.video_judge`).
"""

import re
from collections import Counter
from collections.abc import Iterable
from itertools import permutations

from evaluation.judges.image_judge import stands
from evaluation.judges.image_parser import Parsed
from evaluation.judges.video_judge import Seen
from world.concepts import CONCEPT_WORDS, OBJECT_COLOURS, named_concepts
from world.image.scenes import BACKGROUND_COLOURS, CELL_PX, SIZES, Background, Scene, relation_holds
from world.text.captions import NUMBER_WORDS, PLACE_PHRASES, RELATION_PHRASES
from world.text.dialogue import DRAW_PHRASES
from world.video.captions import MOTION_PHRASES
from world.video.motion import VideoScene

Facts = frozenset[tuple[str, ...]]
Look = tuple[str, str | None, str]
"""A concept, its colour or None, and its size word or ""."""

STATED = ("left of", "above")
OPPOSITES = {"right of": "left of", "below": "above"}
"""Relations that are facts, and the others as those of the exchanged pair."""
SIZE_WORDS = {cells * CELL_PX: word for word, cells in SIZES.items()}
_COLOUR = "|".join(BACKGROUND_COLOURS)
_BACKGROUNDS = (
    ("gradient", rf"on an? ({_COLOUR}) and ({_COLOUR}) gradient"),
    ("gradient", rf"on a gradient from ({_COLOUR}) to ({_COLOUR})"),
    ("plain", rf"(?:on|with) an? ({_COLOUR}) background"),
    *((kind, rf"\b{phrase}\b") for kind, said in PLACE_PHRASES.items() for phrase in said[::-1]),
    ("plain", rf"\bon ({_COLOUR})(?= while| with|\W*$)"),
)
_LOOKS = {*OBJECT_COLOURS, *(word for word in SIZES if word)}
_LINKING = {"a", "an", "and", "with"} | {
    word for phrases in RELATION_PHRASES.values() for phrase in phrases for word in phrase.split()
}


def scene_facts(scene: Scene) -> Facts:
    """All that can be seen: each thing with its number, colour and size, that there is nothing
    else, the relation of two things, the background."""
    items = scene.items
    pairs = permutations(items, 2) if len(items) == 2 else ()
    relations = [
        (r, a.concept, b.concept) for a, b in pairs for r in STATED if relation_holds(r, a, b)
    ]
    looks = [(i.concept, i.colour, i.size) for i in items]
    return _things(looks) | _behind(scene.background) | _between(relations)


def picture_facts(parsed: Parsed) -> Facts:
    """The same of what was read from a picture."""
    pairs = permutations(parsed.objects, 2)
    relations = [(r, a.concept, b.concept) for a, b in pairs for r in STATED if stands(r, a, b)]
    looks = [(o.concept, o.colour, SIZE_WORDS.get(o.size_px, "")) for o in parsed.objects]
    return _things(looks) | _behind(parsed.background) | _between(relations)


def word_facts(text: str) -> Facts:
    """What words say of a picture, in any phrasing of `world.text.captions`."""
    background, rest = _said_background(text.lower())
    words = re.findall("[a-z]+", rest)
    places = [i for i, word in enumerate(words) if word in CONCEPT_WORDS]
    looks = [look for i in places for look in _looks(words, i)]
    found = _things(looks) | (_behind(background) if background else frozenset())
    if len(places) != 2:
        return found
    first, second = places
    relation = _said_relation(" ".join(words[first + 1 : second]))
    pair = [CONCEPT_WORDS[words[i]] for i in places]
    if relation in OPPOSITES:
        relation, pair = OPPOSITES[relation], pair[::-1]
    return found | (_between([(relation, pair[0], pair[1])]) if relation else frozenset())


def film_facts(film: VideoScene) -> Facts:
    """All that can be seen but sizes: what moves, each with its number and colour, and how; what
    stands still; the background."""
    looks: list[Look] = [(i.concept, i.colour, "") for i in film.movers]
    return _moving(looks, [i.concept for i in film.still], film.motion, film.background)


def seen_facts(seen: Seen) -> Facts:
    """The same of what was read from frames. Where nothing moves, what stands there counts as if it
    were to move."""
    movers, still = (seen.movers, seen.still) if seen.movers else (seen.still, ())
    looks: list[Look] = [(concept, colour, "") for concept, colour in movers]
    return _moving(looks, [c for c, _ in still], seen.motion, seen.background)


def film_word_facts(text: str) -> Facts:
    """What words say of a film, in the phrasing of `world.video.captions.full_video_caption`."""
    moves, _, stands_still = text.lower().partition(" while ")
    said = next(((m, p) for m, p in MOTION_PHRASES.items() if p in moves), None)
    facts = word_facts(moves.replace(said[1], "") if said else moves)
    still = {("still", concept) for concept in named_concepts(stands_still)}
    return facts | still | ({("motion", str(said[0]))} if said else frozenset())


def wished_caption(sentence: str) -> str | None:
    """The caption in a wish for a picture, in the phrasings of `world.text.dialogue`; None where a
    sentence is none, or names what lies outside the world."""
    for phrase in DRAW_PHRASES:
        before, _, after = phrase.partition("{}")
        if sentence.startswith(before) and sentence.endswith(after):
            words = sentence[len(before) : len(sentence) - len(after)].rstrip(".")
            if _is_caption(words):
                return words
    return None


def _is_caption(text: str) -> bool:
    known = {*_LINKING, *_LOOKS, *NUMBER_WORDS, *CONCEPT_WORDS}
    _, rest = _said_background(text)
    return bool(named_concepts(rest)) and known.issuperset(re.findall("[a-z]+", rest))


def _things(looks: Iterable[Look]) -> Facts:
    """Of each thing that it is there, how often, in which colours and named sizes; and that these
    are all."""
    looks = list(looks)
    numbers = Counter(concept for concept, _, _ in looks)
    found = {("thing", name) for name in numbers}
    found |= {("number", name, str(number)) for name, number in numbers.items()}
    found |= {("colour", name, colour) for name, colour, _ in looks if colour}
    found |= {("size", name, size) for name, _, size in looks if size}
    return frozenset(found | {("things", *sorted(numbers))})


def _between(relations: Iterable[tuple[str, str, str]]) -> Facts:
    """Relations of different things."""
    return frozenset(r for r in relations if r[1] != r[2])


def _behind(background: Background) -> Facts:
    return frozenset({("background", background.kind, *background.colours)})


def _moving(looks: list[Look], still: list[str], motion: str | None, behind: Background) -> Facts:
    found = {("still", concept) for concept in still}
    found |= {("motion", str(motion))} if motion else set()
    return _things(looks) | _behind(behind) | found


def _said_background(text: str) -> tuple[Background | None, str]:
    """The background that is named, and the words without it."""
    for kind, pattern in _BACKGROUNDS:
        named = re.search(pattern, text)
        if named:
            rest = text[: named.start()] + text[named.end() :]
            return Background(kind, named.groups()), rest
    return None, text


def _looks(words: list[str], place: int) -> list[Look]:
    """What the words right before the name of a thing say of it, as often as they say."""
    start = place
    while start and words[start - 1] in _LOOKS:
        start -= 1
    said = words[start:place]
    colour = next((w for w in said if w in OBJECT_COLOURS), None)
    size = next((w for w in said if w in SIZES), "")
    number = words[start - 1] if start else ""
    many = NUMBER_WORDS.index(number) if number in NUMBER_WORDS else 1
    return [(CONCEPT_WORDS[words[place]], colour, size)] * many


def _said_relation(words: str) -> str | None:
    return next((r for r, said in RELATION_PHRASES.items() if any(p in words for p in said)), None)
