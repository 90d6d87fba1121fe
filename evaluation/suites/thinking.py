"""Questions about held-out images that require counting, answered with and without thinking."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from engine.api.conversation import Conversation
from engine.api.events import Answer
from engine.api.request import Request
from engine.api.sampling import Sampling
from evaluation.answers import AnswerEngine, generate_answers, plain, record_verdicts, text_of
from evaluation.result import Measurement, share, share_metrics
from flow.modality import Modality
from world.image.rendering import render
from world.image.scenes import Scene, sample_scene
from world.text.thinking import Thought, sample_thought


def evaluate(engine: AnswerEngine, num: int, seed: int, sampling: Sampling) -> Measurement:
    """Return shares in [0, 1] over num questions of `world.text.thinking`: think_right and
    at_once_right, exact answers with and without thinking, with their 95 percent intervals;
    think_right_KIND of each kind; think_true, thoughts that are true word for word.

    Raises ValueError where num is below 1, or the checkpoint does not think.

    """
    asked = plan(num, seed)
    found: dict[bool, list[tuple[Answer, ...]]] = {}
    right: dict[bool, list[bool]] = {}
    for think in (True, False):
        requests = [
            Request(
                Conversation.ask(thought.question, render(scene)),
                Modality.TEXT,
                replace(sampling, seed=seed + i),
                think=think,
            )
            for i, (scene, thought) in enumerate(asked)
        ]
        how = "think" if think else "at once"
        found[think] = generate_answers(engine, requests, how)
        right[think] = _right(found[think], asked)
        record_verdicts(engine, how, right[think])
    kinds = {
        f"think_right_{kind}": share(
            [r for r, (_, t) in zip(right[True], asked, strict=True) if t.kind == kind]
        )
        for kind in sorted({t.kind for _, t in asked})
    }
    true = [
        plain(answers[0].thought or "") == plain(t.thought)
        for answers, (_, t) in zip(found[True], asked, strict=True)
    ]
    return Measurement(
        {
            **share_metrics("think_right", right[True]),
            **share_metrics("at_once_right", right[False]),
            **kinds,
            "think_true": share(true),
        },
        {"num": float(num)},
    )


def plan(num: int, seed: int) -> list[tuple[Scene, Thought]]:
    """Sample num questions about held-out scenes."""
    if num < 1:
        raise ValueError(f"--num must be at least 1, not {num}")
    rng = np.random.default_rng(seed)
    scenes = [sample_scene(rng, test=True) for _ in range(num)]
    return [(scene, sample_thought(rng, scene)) for scene in scenes]


def _right(
    answers: Sequence[tuple[Answer, ...]], asked: Sequence[tuple[Scene, Thought]]
) -> list[bool]:
    return [text_of(a) == plain(t.answer) for a, (_, t) in zip(answers, asked, strict=True)]
