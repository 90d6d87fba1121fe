"""The training tasks of this repository: from which media to which answer, in one step.

Without a task from one to the other the model still answers, but guesses. The training tasks of a
third-party checkpoint are unknown here, so no warning is given for it. Owns: `TAUGHT`,
`no_lesson`, `guesses`, `is_guess`. Does not own: the measured quality of each task
(`evaluation.suites.any_to_any`).
"""

from collections.abc import Collection, Mapping
from itertools import combinations
from typing import Any

from engine.api.request import Request
from engine.prompt.answer_plan import first_modality
from engine.prompt.conversation import kept_turns
from flow.modality import Modality

TEXT, IMAGE, AUDIO, VIDEO = Modality.TEXT, Modality.IMAGE, Modality.AUDIO, Modality.VIDEO
TAUGHT: Mapping[frozenset[Modality], frozenset[Modality]] = {
    frozenset(): frozenset(Modality),
    frozenset({IMAGE}): frozenset({TEXT, IMAGE, VIDEO}),
    frozenset({VIDEO}): frozenset({TEXT, IMAGE, VIDEO}),
    frozenset({AUDIO}): frozenset({TEXT}),
    frozenset({IMAGE, AUDIO}): frozenset({TEXT}),
}
"""Input media beside text -> trained answer modalities."""
WHY: Mapping[tuple[frozenset[Modality], Modality], str] = {
    (frozenset({AUDIO}), VIDEO): "in the speech corpus nobody wishes for a film",
    (frozenset({IMAGE, AUDIO}), IMAGE): "in the speech corpus nobody wishes for a change",
}
GUESS = "The model was never taught this, so it guesses: {}."
NAMES = {TEXT: "words", IMAGE: "a picture", AUDIO: "a sound", VIDEO: "a film"}


def no_lesson(given: Collection[Modality], answer: Modality) -> str:
    """Return why no training task maps these media to that answer; "" where one does."""
    media = frozenset(given) - {TEXT}
    return "" if answer in TAUGHT.get(media, ()) else _why(media, answer)


def _why(media: frozenset[Modality], answer: Modality) -> str:
    before = " and ".join(NAMES[kind] for kind in Modality if kind in media)
    return WHY.get((media, answer), f"no lesson has {NAMES[answer]} after {before}")


def guesses(request: Request, facts: Mapping[str, Any]) -> str | None:
    """Return a warning where the checkpoint was not trained for the request; None where it was, or
    where that is unknown. facts: the training metadata of the checkpoint."""
    if "converted" in facts or "flow_steps" not in facts:
        return None
    turns = kept_turns(request.conversation)
    given = {part.modality for turn in turns for part in turn.parts}
    if request.listens:  # it is written down first
        given -= {AUDIO}
    why = no_lesson(given, first_modality(request))
    return GUESS.format(why) if why else None


def is_guess(sentence: object) -> bool:
    """Return whether the sentence is a warning of `guesses`, of these tasks or of earlier ones."""
    media = [kind for kind in Modality if kind is not TEXT]
    given = (frozenset(g) for num in range(1, 4) for g in combinations(media, num))
    return sentence in [GUESS.format(_why(g, answer)) for g in given for answer in Modality]
