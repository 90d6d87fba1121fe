"""Does thinking help? Questions about held-out pictures that need counting, answered after
thinking and at once."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from engine.api.conversation import Conversation
from engine.api.events import Answer
from engine.api.request import Request
from engine.api.sampling import Sampling
from evaluation.answers import Answerer, ask, plain, tell, words_of
from evaluation.report.result import Measured, share, share_figures
from flow.modality import Modality
from world.image.scenes import Scene, render, sample_scene
from world.text.thinking import Thought, sample_thought


def evaluate(engine: Answerer, num: int, seed: int, sampling: Sampling) -> Measured:
    """Shares in [0, 1] over num questions of `world.text.thinking`: think_right and at_once_right,
    exact answers with and without thinking, with their 95 percent intervals; think_right_KIND of
    each kind; think_true, thoughts that are true word for word.

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
        found[think] = ask(engine, requests, how)
        right[think] = _right(found[think], asked)
        tell(engine, how, right[think])
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
    return Measured(
        {
            **share_figures("think_right", right[True]),
            **share_figures("at_once_right", right[False]),
            **kinds,
            "think_true": share(true),
        },
        {"num": float(num)},
    )


def plan(num: int, seed: int) -> list[tuple[Scene, Thought]]:
    """num questions about held-out scenes."""
    if num < 1:
        raise ValueError(f"--num must be at least 1, not {num}")
    rng = np.random.default_rng(seed)
    scenes = [sample_scene(rng, test=True) for _ in range(num)]
    return [(scene, sample_thought(rng, scene)) for scene in scenes]


def _right(
    answers: Sequence[tuple[Answer, ...]], asked: Sequence[tuple[Scene, Thought]]
) -> list[bool]:
    return [words_of(a) == plain(t.answer) for a, (_, t) in zip(answers, asked, strict=True)]
