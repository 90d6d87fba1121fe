"""Several drafts of one picture or film, and the choice of the one that the model scores nearest
to the request.

One representation makes and finds (Luo et al. 2025, arXiv:2510.13721, Section 3.5): the message and
each draft have a vector, and the draft whose vector is nearest is kept. What it buys is measured by
`python -m evaluation scenes --drafts 4` (docs/model_card.md). Owns: the seeds of drafts, and the
choice. Does not own: a run, a vector (`engine.engine`).
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import replace

import numpy as np

from engine.api.conversation import Part
from engine.api.events import Answer, CandidateDone, Completed, Event
from engine.api.request import Request
from engine.api.sampling import MAX_SEED

Run = Callable[[Request], Generator[Event]]
RunAll = Callable[[Sequence[Request]], list[tuple[Answer, ...]]]
Embed = Callable[[Sequence[tuple[Part, ...]]], np.ndarray]


def drafts_of(request: Request) -> list[Request]:
    """One request a draft, with the seeds that follow that of the request."""
    sampling = request.sampling
    return [
        replace(
            request,
            sampling=replace(sampling, drafts=1, seed=(sampling.seed + k) % (MAX_SEED + 1)),
        )
        for k in range(sampling.drafts)
    ]


def best_of(request: Request, run: Run, embed: Embed) -> Generator[Event]:
    """The events of the drafts one after the other, each with a `CandidateDone` behind it; then the
    best one runs again, if it was not the last. What completes is the run of that draft alone."""
    drafts = drafts_of(request)
    asked = embed([request.conversation.turns[-1].parts])
    scores: list[float] = []
    done: list[Completed] = []
    best = 0
    for number, draft in enumerate(drafts):
        with closing(run(draft)) as events:
            for event in events:
                if isinstance(event, Completed):
                    done.append(event)
                else:
                    yield event
        made = _made(done[-1].answers)
        scores.append(float((embed([(made,)]) @ asked.T)[0, 0]))
        best = int(np.argmax(scores))
        yield CandidateDone(number, len(drafts), draft.sampling.seed, scores[-1], best, made)
    if best == len(drafts) - 1:
        yield done[best]
    else:
        yield from run(drafts[best])


def best_of_all(requests: Sequence[Request], run: RunAll, embed: Embed) -> list[tuple[Answer, ...]]:
    """The answers of many requests, of each its best draft; all drafts are computed together."""
    drafts = [drafts_of(request) for request in requests]
    answers = iter(run([draft for of_one in drafts for draft in of_one]))
    found: list[tuple[Answer, ...]] = []
    asked = embed([request.conversation.turns[-1].parts for request in requests])
    for vector, of_one in zip(asked, drafts, strict=True):
        made = [next(answers) for _ in of_one]
        near = embed([(_made(each),) for each in made]) @ vector
        found.append(made[int(np.argmax(near))])
    return found


def _made(answers: Sequence[Answer]) -> Part:
    """The picture or film of an answer."""
    last = answers[-1]
    return Part(image=last.image, video=last.video)
