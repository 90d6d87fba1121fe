"""Dialogues of the world: image requests, questions, small talk, facts and out-of-domain
requests.

A dialogue ends with the assistant's answer, which is what a model learns to say. Owns: `Utterance`,
`Dialogue`, `sample_dialogue` and its kinds, `known_dialogue`. Does not own: facts about scenes
(`world.text.captions`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TypeVar

import numpy as np

from world.concepts import BY_NAME, CONCEPT_WORDS, CONCEPTS, Concept
from world.image.scenes import Family, Scene, sample_scene
from world.per_domain import per_domain
from world.sampling import pick
from world.text.captions import NUMBER_WORDS, caption, full_caption, questions, with_article
from world.text.known_facts import KIND_NOUNS, NATURAL_COLOURS, SOUNDS
from world.text.out_of_domain import ASKS, NOUNS, SENTENCES, SUBJECTS, is_held_out_text
from world.text.small_talk import SMALL_TALK

T = TypeVar("T")

HERE_YOU_ARE = "here you go!"
OUT_OF_DOMAIN_ANSWER = "i do not know that, my world is small. try one of these:"


@dataclass(frozen=True)
class Utterance:
    """A turn of one side: words and an image (its scene), first in a user's turn and last in an
    assistant's. suggest: the assistant calls the request out of domain."""

    role: str
    text: str
    scene: Scene | None = None
    suggest: bool = False


class Kind(StrEnum):
    """The kinds of dialogue."""

    DRAW = "draw"
    ASK = "ask"
    FOLLOW_UP = "follow_up"
    SMALL_TALK = "small_talk"
    KNOWLEDGE = "knowledge"
    OUT_OF_DOMAIN = "outside"


@dataclass(frozen=True)
class Dialogue:
    """Utterances alternating from user to assistant; the last one is the answer."""

    kind: Kind
    utterances: tuple[Utterance, ...]


DRAW_PHRASES = (
    "draw {}",
    "draw {}.",
    "draw me {}",
    "please draw {}",
    "can you draw {}?",
    "show me {}",
    "paint {}",
    "make a picture of {}",
    "i want to see {}",
    "a picture of {}",
    "{}",
    "{}",
)
"""The phrases of an image request; {} is a caption."""

SceneSource = Callable[[np.random.Generator], Scene]


def sample_dialogue(
    rng: np.random.Generator, kind: Kind, *, test: bool, scenes: SceneSource | None = None
) -> Dialogue:
    """Return a random dialogue of that kind; test: scenes and out-of-domain requests are held out.
    scenes draws its images; None samples new ones of the split."""
    draw = scenes or partial(sample_scene, test=test)
    match kind:
        case Kind.DRAW:
            utterances = _draw(rng, draw)
        case Kind.ASK:
            utterances = _ask(rng, draw)
        case Kind.FOLLOW_UP:
            utterances = _follow_up(rng, draw)
        case Kind.SMALL_TALK:
            utterances = _small_talk(rng)
        case Kind.KNOWLEDGE:
            utterances = _knowledge(rng)
        case Kind.OUT_OF_DOMAIN:
            utterances = _outside(rng, test)
    return Dialogue(kind, utterances)


def image_request(rng: np.random.Generator, words: str) -> str:
    """Phrase a caption as an image request."""
    return pick(rng, DRAW_PHRASES).format(words)


def _draw(rng: np.random.Generator, draw: SceneSource) -> tuple[Utterance, ...]:
    scene = draw(rng)
    return (
        Utterance("user", image_request(rng, caption(scene, rng))),
        Utterance("assistant", HERE_YOU_ARE, scene=scene),
    )


def _ask(rng: np.random.Generator, draw: SceneSource) -> tuple[Utterance, ...]:
    scene = draw(rng)
    options = questions(scene, rng)
    weights = np.array([3.0 if q.kind == "object" else 1.0 for q in options])
    question = options[int(rng.choice(len(options), p=weights / weights.sum()))]
    return Utterance("user", question.text, scene=scene), Utterance("assistant", question.answer)


def _follow_up(rng: np.random.Generator, draw: SceneSource) -> tuple[Utterance, ...]:
    roll = rng.random()
    if roll < 0.35:
        return _second_question(rng, draw)
    if roll < 0.7:
        return _asked_about_own_picture(rng, draw)
    return _another_wish(rng, draw)


def _second_question(rng: np.random.Generator, draw: SceneSource) -> tuple[Utterance, ...]:
    """Describe the image first, then answer a detail, sometimes with a pronoun."""
    scene = draw(rng)
    first = (
        Utterance("user", "what is this?", scene=scene),
        Utterance("assistant", full_caption(scene)),
    )
    item = scene.items[0]
    if len(scene.items) == 1 and rng.random() < 0.6:
        options = [("what colour is it?", item.colour)] if item.colour else []
        if BY_NAME[item.concept].countable:
            options.append(("how many are there?", "one"))
        options.append(("how big is it?", item.size or "medium"))
        asked, answer = pick(rng, options)
    elif scene.family is Family.COUNTING:
        asked, answer = (
            pick(rng, ("how many are there?", "how many?")),
            NUMBER_WORDS[len(scene.items)],
        )
    else:
        question = pick(rng, questions(scene, rng)[1:])
        asked, answer = question.text, question.answer
    return *first, Utterance("user", asked), Utterance("assistant", str(answer))


def _asked_about_own_picture(rng: np.random.Generator, draw: SceneSource) -> tuple[Utterance, ...]:
    """A wish, the picture, then one or two questions about the picture."""
    scene = draw(rng)
    asked = [pick(rng, questions(scene, rng)) for _ in range(1 if rng.random() < 0.7 else 2)]
    return (
        Utterance("user", image_request(rng, caption(scene, rng))),
        Utterance("assistant", HERE_YOU_ARE, scene=scene),
        *(u for q in asked for u in (Utterance("user", q.text), Utterance("assistant", q.answer))),
    )


def _another_wish(rng: np.random.Generator, draw: SceneSource) -> tuple[Utterance, ...]:
    """Two wishes in a row; the second may lean on the first."""
    first, second = draw(rng), draw(rng)
    words = caption(second, rng)
    asked = pick(rng, ("now draw {}", "and now {}", "now {}", "draw {}", "next, {}")).format(words)
    return (
        Utterance("user", image_request(rng, caption(first, rng))),
        Utterance("assistant", HERE_YOU_ARE, scene=first),
        Utterance("user", asked),
        Utterance("assistant", HERE_YOU_ARE, scene=second),
    )


def _small_talk(rng: np.random.Generator) -> tuple[Utterance, ...]:
    asked, answer = pick(rng, SMALL_TALK)
    return _exchange(pick(rng, asked), answer)


def _exchange(asked: str, answer: str) -> tuple[Utterance, ...]:
    return Utterance("user", asked), Utterance("assistant", answer)


def _knowledge(rng: np.random.Generator) -> tuple[Utterance, ...]:
    """State a fact about a concept: kind, sound or usual colour."""
    roll = rng.random()
    if roll < 0.3:
        return _sound_fact(pick(rng, _known(SOUNDS)))
    if roll < 0.55:
        return _colour_fact(pick(rng, _known(NATURAL_COLOURS)))
    return _kind_fact(CONCEPTS[int(rng.integers(len(CONCEPTS)))])


def _sound_fact(name: str) -> tuple[Utterance, ...]:
    return _exchange(f"what sound does {with_article(name)} make?", f"{SOUNDS[name]}!")


def _colour_fact(name: str) -> tuple[Utterance, ...]:
    thing, verb = with_article(name), _verb(name)
    return _exchange(f"what colour {verb} {thing}?", f"{thing} {verb} {NATURAL_COLOURS[name]}.")


def _kind_fact(concept: Concept) -> tuple[Utterance, ...]:
    thing, verb = with_article(concept.name), _verb(concept.name)
    return _exchange(f"what {verb} {thing}?", f"{thing} {verb} {KIND_NOUNS[concept.kind]}.")


def _verb(name: str) -> str:
    return BY_NAME[name].verb


def _known(facts: Mapping[str, str]) -> tuple[str, ...]:
    """Return the things of the domain of which there is a fact."""
    return tuple(name for name in facts if name in BY_NAME)


def known_dialogue(asked: str) -> Dialogue | None:
    """Return the small talk or fact that starts with exactly these words; None for others."""
    return _known_dialogues().get(asked)


@per_domain
def _known_dialogues() -> dict[str, Dialogue]:
    talk = [_exchange(asked, answer) for options, answer in SMALL_TALK for asked in options]
    facts = [
        *(_sound_fact(name) for name in _known(SOUNDS)),
        *(_colour_fact(name) for name in _known(NATURAL_COLOURS)),
        *(_kind_fact(concept) for concept in CONCEPTS),
    ]
    pairs = ((Kind.SMALL_TALK, talk), (Kind.KNOWLEDGE, facts))
    return {said[0].text: Dialogue(kind, said) for kind, many in pairs for said in many}


def _outside(rng: np.random.Generator, test: bool) -> tuple[Utterance, ...]:
    while True:
        key, asked = _outside_wish(rng)
        if is_held_out_text(key) == test:
            return Utterance("user", asked), Utterance(
                "assistant", OUT_OF_DOMAIN_ANSWER, suggest=True
            )


@per_domain
def _strange_nouns() -> tuple[str, ...]:
    """Return the things that the domain lacks."""
    return tuple(noun for noun in NOUNS if CONCEPT_WORDS.keys().isdisjoint(noun.split()))


def _outside_wish(rng: np.random.Generator) -> tuple[str, str]:
    """(what decides whether it is held out, the wish)."""
    roll = rng.random()
    if roll < 0.55:
        thing = pick(rng, _strange_nouns())
        words = with_article(thing)
        if rng.random() < 0.35:
            inside = CONCEPTS[int(rng.integers(len(CONCEPTS)))].name
            words += pick(rng, (" and ", " above ", " with ", " next to ")) + with_article(inside)
        return thing, image_request(rng, words)
    if roll < 0.85:
        subject = pick(rng, SUBJECTS)
        return subject, pick(rng, ASKS).format(subject)
    sentence = pick(rng, SENTENCES)
    return sentence, sentence
