"""The first wishes of visitors: the commonest nouns of English, not the names of the domain.

Each of them is either drawn, or its unknown word is named before a run as the page does
(`engine.prompt.unknown_things`), with the nearest known things where there are any. Owns: the
outcomes and their shares. Does not own: the list (`assets/words/first_wishes.txt`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from engine.api.conversation import Conversation
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.prompt.unknown_things import KnownThings
from evaluation.answers import AnswerEngine, generate_answers, image_of, record_verdicts
from evaluation.judges.image_parser import parse
from evaluation.result import Measurement, share, share_metrics
from flow.modality import Modality
from world.concepts import CONCEPT_WORDS
from world.text.captions import with_article

WORDS = Path(__file__).resolve().parents[2] / "assets" / "words" / "first_wishes.txt"


class Outcome(StrEnum):
    """The fate of a wish. RIGHT: one such thing is drawn, and nothing else. OFFERED: its word
    is named as unknown, with known things that are near. REFUSED: the same without any. WRONG:
    something else is drawn of what is known. SILENT: something is drawn of an unknown word that
    nobody named."""

    RIGHT = "right"
    OFFERED = "offered"
    REFUSED = "refused"
    WRONG = "wrong"
    SILENT = "silent"


@dataclass(frozen=True)
class Wish:
    """A noun, and how it is asked for."""

    noun: str
    prompt: str


def plan(num: int) -> list[Wish]:
    """Return the num commonest wishes.

    Raises ValueError where num is below 1 or above their number.

    """
    lines = WORDS.read_text().splitlines()
    nouns = [line for line in lines if not line.startswith("#")]
    if not 1 <= num <= len(nouns):
        raise ValueError(f"--num must be between 1 and {len(nouns)}, not {num}")
    return [Wish(noun, f"draw {with_article(noun)}") for noun in nouns[:num]]


def evaluate(engine: AnswerEngine, num: int, sampling: Sampling) -> Measurement:
    """Return the shares of all wishes: answered (right or offered) with its 95 percent Wilson
    interval, and each outcome; known, the share of known words, and drawn_right, of these."""
    wishes = plan(num)
    outcomes = dict(zip(wishes, outcomes_of(engine, wishes, sampling), strict=True))
    known = [w for w in wishes if w.noun in CONCEPT_WORDS]
    found = share_metrics(
        "answered", [o in (Outcome.RIGHT, Outcome.OFFERED) for o in outcomes.values()]
    )
    found |= {str(kind): share(o is kind for o in outcomes.values()) for kind in Outcome}
    found["known"] = len(known) / len(wishes)
    if known:
        found["drawn_right"] = share(outcomes[w] is Outcome.RIGHT for w in known)
    return Measurement(found)


def outcomes_of(engine: AnswerEngine, wishes: Sequence[Wish], sampling: Sampling) -> list[Outcome]:
    """Return the outcome of each wish; what is drawn has the seed sampling.seed + its place."""
    known = KnownThings.of(engine.facts)
    unknown = {w: known.unknown(w.prompt) if known is not None else () for w in wishes}
    drawn = [(i, w) for i, w in enumerate(wishes) if w.noun in CONCEPT_WORDS]
    requests = [
        Request(
            Conversation.ask(w.prompt), Modality.IMAGE, replace(sampling, seed=sampling.seed + i)
        )
        for i, w in drawn
    ]
    right: dict[Wish, bool] = {}
    for (_, wish), answers in zip(drawn, generate_answers(engine, requests, "draw"), strict=True):
        picture = image_of(answers)
        assert picture is not None, "a request for a picture is answered with one"
        seen = [thing.concept for thing in parse(picture).objects]
        right[wish] = seen == [CONCEPT_WORDS[wish.noun]]
    record_verdicts(engine, "draw", right.values())
    return [_outcome(right.get(w), [thing.nearest for thing in unknown[w]]) for w in wishes]


def _outcome(right: bool | None, unknown: Sequence[tuple[str, ...]]) -> Outcome:
    """right: of what was drawn, None where nothing was; unknown: the nearest things of each word
    that was named."""
    if right is not None:
        return Outcome.RIGHT if right else Outcome.WRONG
    if not unknown:
        return Outcome.SILENT
    return Outcome.OFFERED if any(unknown) else Outcome.REFUSED
