"""How an answer of the fake engine forms: places of it settle one by one, and the rest is noise.

The seed says which place settles when; the last step is the answer.
"""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from engine.api.events import Answer, Refined
from engine.api.request import Request
from world.video.motion import FRAMES

GRID, PATCH_PX = 8, 16
NOISE_WORDS = (
    " red dog the above and seven sea a moon cat of left is blue two bright ing fish".split(" ")[1:]
)


def forming(
    request: Request, segment: int, answer: Answer, start: float, before: int
) -> Iterator[Refined]:
    """The steps of one segment of a request; start: of the run, before: its steps so far."""
    rng = np.random.default_rng([request.sampling.seed, segment])
    length, codebooks = answer.tokens.shape
    num_steps = request.sampling.steps or 16
    settles_at = rng.uniform(0.15, 1, length)
    settled = np.zeros(length, bool)
    for index in range(num_steps):
        t = (index + 1) / num_steps
        now = (settles_at <= t) | (t == 1)
        moved = (now != settled) | (~now & (rng.random(length) < 0.5))
        settled = now
        certain = np.clip(0.25 + 0.7 * (1 - np.abs(settles_at - t)) * t + 0.3 * now, 0, 1)
        yield Refined(
            segment,
            answer.modality,
            index,
            num_steps,
            index == num_steps - 1,
            t,
            np.repeat(settled[:, None].astype(np.int64), codebooks, 1),
            np.ones((length, codebooks), np.int64),
            np.repeat(moved[:, None], codebooks, 1),
            np.repeat(certain.astype(np.float32)[:, None], codebooks, 1),
            2 * (before + index + 1),
            length,
            time.perf_counter() - start,
            **_state(answer, settled, t, rng),
        )


def _state(
    answer: Answer, settled: np.ndarray, t: float, rng: np.random.Generator
) -> dict[str, Any]:
    noise = rng.random((2, len(settled)))
    likely = settled | (noise[0] < t * 1.2 - 0.1)
    if answer.audio is not None:
        hiss = rng.normal(0, 0.1, len(answer.audio)).astype(np.float32)
        return {"sound_1": t * answer.audio + (1 - t) * hiss}
    if answer.text is not None:
        pieces = [w if i == 0 else " " + w for i, w in enumerate(answer.text.split())]
        pieces += [""] * (len(settled) - len(pieces))
        other = [" " + NOISE_WORDS[int(n * len(NOISE_WORDS))] for n in noise[1]]
        return {
            name: tuple(p if ok else o for p, o, ok in zip(pieces, other, mask, strict=True))
            for name, mask in (("words_t", settled), ("words_1", likely))
        }
    return {
        "image_t": _patched_all(answer, settled, rng, blur=False),
        "image_1": _patched_all(answer, likely, rng, blur=True),
    }


def _patched_all(
    answer: Answer, shown: np.ndarray, rng: np.random.Generator, *, blur: bool
) -> np.ndarray:
    if answer.image is not None:
        return _patched(answer.image, shown, rng, blur=blur)
    assert answer.video is not None
    each = zip(answer.video, np.split(shown, FRAMES), strict=True)
    return np.stack([_patched(frame, here, rng, blur=blur) for frame, here in each])


def _patched(
    image: np.ndarray, shown: np.ndarray, rng: np.random.Generator, *, blur: bool
) -> np.ndarray:
    colours = rng.integers(30, 230, (GRID, GRID, 3))
    if blur:
        colours = (image[8::16, 8::16].astype(int) + image[4::16, 4::16] + colours) // 3
    noise = np.kron(colours, np.ones((PATCH_PX, PATCH_PX, 1)))
    noise = np.clip(noise + rng.normal(0, 10, noise.shape), 0, 255).astype(np.uint8)
    mask = np.kron(shown.reshape(GRID, GRID), np.ones((PATCH_PX, PATCH_PX)))[..., None] > 0
    return np.where(mask, image, noise)
