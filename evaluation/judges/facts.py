"""Atomic facts of an image or a video, from its scene graph, from a parsed image or from text; two
sets are compared by intersection.

A fact is a tuple of words, such as ("number", "dog", "2"). Owns: the facts of scenes, of films and
of sentences. Does not own: reading pixels (`evaluation.judges.image_parser`,
`evaluation.judges.video_judge`).
"""

import re
from collections import Counter
from collections.abc import Iterable
from itertools import permutations

from evaluation.judges.image_judge import boxes_in_relation
from evaluation.judges.image_parser import Parsed
from evaluation.judges.video_judge import ParsedVideo
from world.concepts import CONCEPT_WORDS, OBJECT_COLOURS, named_concepts
from world.image.scenes import BACKGROUND_COLOURS, CELL_PX, SIZES, Background, Scene, relation_holds
from world.text.captions import NUMBER_WORDS, PLACE_PHRASES, RELATION_PHRASES
from world.text.dialogue import DRAW_PHRASES
from world.video.captions import MOTION_PHRASES
from world.video.motion import VideoScene

Facts = frozenset[tuple[str, ...]]
Appearance = tuple[str, str | None, str]
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
_SIZES = {word for word in SIZES if word}
_LINKING = {"a", "an", "and", "with"} | {
    word for phrases in RELATION_PHRASES.values() for phrase in phrases for word in phrase.split()
}


def scene_facts(scene: Scene) -> Facts:
    """Return all visible facts of a scene: the objects with number, colour and size, that there are
    no others, the relation of two objects, the background."""
    items = scene.items
    pairs = permutations(items, 2) if len(items) == 2 else ()
    relations = [
        (r, a.concept, b.concept) for a, b in pairs for r in STATED if relation_holds(r, a, b)
    ]
    looks = [(i.concept, i.colour, i.size) for i in items]
    return _things(looks) | _behind(scene.background) | _between(relations)


def image_facts(parsed: Parsed) -> Facts:
    """Return the facts of a parsed image."""
    pairs = permutations(parsed.objects, 2)
    relations = [
        (r, a.concept, b.concept) for a, b in pairs for r in STATED if boxes_in_relation(r, a, b)
    ]
    looks = [(o.concept, o.colour, SIZE_WORDS.get(o.size_px, "")) for o in parsed.objects]
    return _things(looks) | _behind(parsed.background) | _between(relations)


def text_facts(text: str) -> Facts:
    """Return the facts that a text states, in any phrasing of `world.text.captions`."""
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


def video_facts(film: VideoScene) -> Facts:
    """Return all visible facts of a video but sizes: the moving objects with number and colour,
    their motion, the static objects, the background."""
    looks: list[Appearance] = [(i.concept, i.colour, "") for i in film.movers]
    return _moving(looks, [i.concept for i in film.still], film.motion, film.background)


def parsed_video_facts(seen: ParsedVideo) -> Facts:
    """Return the facts of a parsed video. Where nothing moves, static objects count as the
    movers."""
    movers, still = (seen.movers, seen.still) if seen.movers else (seen.still, ())
    looks: list[Appearance] = [(concept, colour, "") for concept, colour in movers]
    return _moving(looks, [c for c, _ in still], seen.motion, seen.background)


def video_text_facts(text: str) -> Facts:
    """Return the facts that a text states of a video, in the phrasing of
    `world.video.captions.full_video_caption`."""
    moves, _, stands_still = text.lower().partition(" while ")
    said = next(((m, p) for m, p in MOTION_PHRASES.items() if p in moves), None)
    facts = text_facts(moves.replace(said[1], "") if said else moves)
    still = {("still", concept) for concept in named_concepts(stands_still)}
    return facts | still | ({("motion", str(said[0]))} if said else frozenset())


def requested_caption(sentence: str) -> str | None:
    """Return the caption in a request for an image, in the phrasings of `world.text.dialogue`; None
    for other sentences, and for captions outside the world."""
    for phrase in DRAW_PHRASES:
        before, _, after = phrase.partition("{}")
        if sentence.startswith(before) and sentence.endswith(after):
            words = sentence[len(before) : len(sentence) - len(after)].rstrip(".")
            if _is_caption(words):
                return words
    return None


def _is_caption(text: str) -> bool:
    known = {*_LINKING, *_SIZES, *OBJECT_COLOURS, *NUMBER_WORDS, *CONCEPT_WORDS}
    _, rest = _said_background(text)
    return bool(named_concepts(rest)) and known.issuperset(re.findall("[a-z]+", rest))


def _things(looks: Iterable[Appearance]) -> Facts:
    """Return presence, number, colours and named sizes of each object, and the set of all
    objects."""
    looks = list(looks)
    numbers = Counter(concept for concept, _, _ in looks)
    found = {("thing", name) for name in numbers}
    found |= {("number", name, str(number)) for name, number in numbers.items()}
    found |= {("colour", name, colour) for name, colour, _ in looks if colour}
    found |= {("size", name, size) for name, _, size in looks if size}
    return frozenset(found | {("things", *sorted(numbers))})


def _between(relations: Iterable[tuple[str, str, str]]) -> Facts:
    """Return the relations of different objects."""
    return frozenset(r for r in relations if r[1] != r[2])


def _behind(background: Background) -> Facts:
    return frozenset({("background", background.kind, *background.colours)})


def _moving(
    looks: list[Appearance], still: list[str], motion: str | None, behind: Background
) -> Facts:
    found = {("still", concept) for concept in still}
    found |= {("motion", str(motion))} if motion else set()
    return _things(looks) | _behind(behind) | found


def _said_background(text: str) -> tuple[Background | None, str]:
    """Return the background that a text names, and the text without it."""
    for kind, pattern in _BACKGROUNDS:
        named = re.search(pattern, text)
        if named:
            rest = text[: named.start()] + text[named.end() :]
            return Background(kind, named.groups()), rest
    return None, text


def _looks(words: list[str], place: int) -> list[Appearance]:
    """Return the appearance that the words before a concept state, repeated by their number."""
    start = place
    while start and (words[start - 1] in _SIZES or words[start - 1] in OBJECT_COLOURS):
        start -= 1
    said = words[start:place]
    colour = next((w for w in said if w in OBJECT_COLOURS), None)
    size = next((w for w in said if w in SIZES), "")
    number = words[start - 1] if start else ""
    many = NUMBER_WORDS.index(number) if number in NUMBER_WORDS else 1
    return [(CONCEPT_WORDS[words[place]], colour, size)] * many


def _said_relation(words: str) -> str | None:
    return next((r for r, said in RELATION_PHRASES.items() if any(p in words for p in said)), None)
