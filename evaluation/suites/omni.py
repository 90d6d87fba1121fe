"""Does it hear and see at once? Questions about a held-out picture and a held-out sound, which
neither answers alone."""

from dataclasses import replace

import numpy as np

from engine.api.conversation import Conversation
from engine.api.request import Request
from engine.api.sampling import Sampling
from evaluation.answers import ask, plain, tell, words_of
from evaluation.pack import Pack
from evaluation.report.result import Measured, share, share_figures
from evaluation.speech_client import Talker
from flow.modality import Modality
from world.audio.speech import Clip
from world.image.scenes import render, sample_scene
from world.text.audio_visual_questions import (
    AUDIO_VISUAL_SOUNDS,
    AudioVisualQuestion,
    sample_audio_visual_question,
)


def evaluate(engine: Talker, pack: Pack, num: int, seed: int, sampling: Sampling) -> Measured:
    """Shares in [0, 1] of exact answers to num questions of `world.text.audio_visual_questions`:
    omni, with its 95 percent interval, and omni_whether, omni_which and omni_number of each kind.

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
    said = [words_of(answers) for answers in ask(engine, requests, "omni")]
    right = [s == plain(q.answer) for s, (q, _) in zip(said, asked, strict=True)]
    tell(engine, "omni", right)
    kinds = {
        f"omni_{kind}": share([r for r, (q, _) in zip(right, asked, strict=True) if q.kind == kind])
        for kind in sorted({q.kind for q, _ in asked})
    }
    whether = [q.answer == "no" for q, _ in asked if q.kind == "whether"]
    judge = {"num": float(num)} | ({"always_no": share(whether)} if whether else {})
    return Measured({**share_figures("omni", right), **kinds}, judge)


def plan(pack: Pack, num: int, seed: int) -> list[tuple[AudioVisualQuestion, Clip]]:
    """num questions about held-out scenes, each with a clip of its sound."""
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
