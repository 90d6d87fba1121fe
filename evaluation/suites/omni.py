"""Questions about a held-out image and a held-out sound that neither answers alone."""

from dataclasses import replace

import numpy as np

from engine.api.conversation import Conversation
from engine.api.request import Request
from engine.api.sampling import Sampling
from evaluation.answers import generate_answers, plain, record_verdicts, text_of
from evaluation.pack import Pack
from evaluation.result import Measurement, share, share_metrics
from evaluation.speech_client import SpeechEngine
from flow.modality import Modality
from world.audio.audio_visual_questions import (
    AUDIO_VISUAL_SOUNDS,
    AudioVisualQuestion,
    sample_audio_visual_question,
)
from world.audio.speech import Clip
from world.image.rendering import render
from world.image.scenes import sample_scene


def evaluate(
    engine: SpeechEngine, pack: Pack, num: int, seed: int, sampling: Sampling
) -> Measurement:
    """Return shares in [0, 1] of exact answers to num questions of
    `world.audio.audio_visual_questions`: omni, with its 95 percent interval, and omni_whether,
    omni_which and omni_number of each kind.

    Judge: always_no, what answering every question of the first kind with "no" would score there.
    Raises ValueError where num is below 1 or the pack has none of the sounds.

    """
    asked = plan(pack, num, seed)
    requests = [
        Request(
            Conversation.ask(q.question, image=render(q.scene), audio=clip.samples),
            Modality.TEXT,
            replace(sampling, seed=seed + i),
        )
        for i, (q, clip) in enumerate(asked)
    ]
    said = [text_of(answers) for answers in generate_answers(engine, requests, "omni")]
    right = [s == plain(q.answer) for s, (q, _) in zip(said, asked, strict=True)]
    record_verdicts(engine, "omni", right)
    kinds = {
        f"omni_{kind}": share([r for r, (q, _) in zip(right, asked, strict=True) if q.kind == kind])
        for kind in sorted({q.kind for q, _ in asked})
    }
    whether = [q.answer == "no" for q, _ in asked if q.kind == "whether"]
    judge = {"num": float(num)} | ({"always_no": share(whether)} if whether else {})
    return Measurement({**share_metrics("omni", right), **kinds}, judge)


def plan(pack: Pack, num: int, seed: int) -> list[tuple[AudioVisualQuestion, Clip]]:
    """Sample num questions about held-out scenes, each with a clip of its sound."""
    if num < 1:
        raise ValueError(f"--num must be at least 1, not {num}")
    clips = {w: [c for c in pack.sounds if c.sentence == w] for w in AUDIO_VISUAL_SOUNDS}
    known = [w for w, found in clips.items() if found]
    if not known:
        raise ValueError(
            "the pack has no sounds of things that can be drawn: make a larger one with "
            "python -m evaluation pack"
        )
    rng = np.random.default_rng(seed)
    questions = [
        sample_audio_visual_question(rng, lambda g: sample_scene(g, test=True), known)
        for _ in range(num)
    ]
    return [(q, clips[q.sound][int(rng.integers(len(clips[q.sound])))]) for q in questions]
