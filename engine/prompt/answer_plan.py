"""The order of the segments of an answer: words first, then the media that they open, unless the
request sets another order.

Owns: `first_modality`, `next_modality`. Does not own: how a piece is made (`engine.engine`), where
a pin opens something (`engine.api.insertion`).
"""

from collections.abc import Collection, Sequence

from engine.api.events import Answer
from engine.api.request import Request
from flow.modality import Modality
from model.prompt_template import opened_by


def first_modality(request: Request) -> Modality:
    """The modality of the first segment to be sampled."""
    if request.start is not None:
        return request.start.modality
    if request.pin is not None:
        return request.pin.first
    return Modality.TEXT if request.to is None else request.to


def next_modality(
    request: Request, answers: Sequence[Answer], known: Collection[Modality]
) -> Modality | None:
    """Return the modality of the next segment: words are spoken on request, and then a pin or the
    words open a medium. known: the modalities that the checkpoint can generate."""
    last = answers[-1]
    if request.aloud and last.modality is Modality.TEXT and last.text:
        return Modality.AUDIO
    if request.to is not None:
        return None
    answered = [a for a in answers if not a.heard]
    if request.pin is not None:
        return request.pin.follows({a.modality for a in answered})
    opened = {_opened(a) for a in answered}
    missing = opened & set(known) - {a.modality for a in answers}
    return next(iter(missing), None)


def _opened(answer: Answer) -> Modality | None:
    """The modality that the answer's words open."""
    if answer.modality is not Modality.TEXT:
        return None
    return opened_by(answer.tokens[:, 0].tolist())
