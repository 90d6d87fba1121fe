"""Digests of a generation, and of the arithmetic of the processor that it ran on.

A digest is sha256 over names, types, shapes and bytes. Previews, times and other values that depend
on the clock are not part of one.
"""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
import torch
import torch.nn.functional as F

from engine.api.events import (
    Answer,
    AudioChunk,
    CandidateDone,
    Completed,
    Event,
    Refined,
    SegmentStarted,
)
from engine.api.request import Request
from engine.engine import Engine

Digests = dict[str, str | int]


def digest(arrays: Iterable[np.ndarray | None]) -> str:
    """The digest of arrays in their order; an absent one counts as absent."""
    made = hashlib.sha256()
    for array in arrays:
        if array is None:
            made.update(b"none\n")
            continue
        made.update(f"{array.dtype.str} {array.shape}\n".encode())
        made.update(np.ascontiguousarray(array).tobytes())
    return made.hexdigest()


def of_answers(answers: Sequence[Answer]) -> Digests:
    """The digests of the final answers: codes, pixels, samples; the texts themselves."""
    return {
        "codes": digest(answer.tokens for answer in answers),
        "pixels": digest(array for answer in answers for array in (answer.image, answer.video)),
        "samples": digest(answer.audio for answer in answers),
        "text": " | ".join(answer.text for answer in answers if answer.text is not None),
    }


def of_events(events: Sequence[Event]) -> Digests:
    """The digests of a whole run; "steps" counts those of all segments."""
    refined = [event for event in events if isinstance(event, Refined)]
    *_, done = events
    assert isinstance(done, Completed)
    found: Digests = {
        "kinds": " ".join(_kind(event) for event in events if not isinstance(event, Refined)),
        "steps": len(refined),
        "calls": done.nfe,
        "states": digest(array for step in refined for array in (step.tokens_t, step.tokens_1)),
        "changes": digest(step.changed for step in refined),
        "confidences": digest(step.confidence for step in refined),
        "played": digest(event.samples for event in events if isinstance(event, AudioChunk)),
        **of_answers(done.answers),
    }
    likely = [step.likely for step in refined if step.likely is not None]
    if likely:
        arrays = ((one.ids, one.probabilities, one.entropy) for one in likely)
        found["alternatives"] = digest(array for three in arrays for array in three)
    return found


def of_run(engine: Engine, request: Request) -> Digests:
    """The digests of the answer to a request."""
    return of_events(list(engine.generate(request, preview_hz=0)))


def _kind(event: Event) -> str:
    """A word for an event that is no step."""
    match event:
        case SegmentStarted():
            return f"{event.modality}:{event.num_steps}"
        case CandidateDone():
            return f"draft:{event.seed}"
        case AudioChunk():
            return "sounded"
        case _:
            return "completed"


def arithmetic() -> str:
    """A digest of what this processor and this torch make of fixed numbers on one thread.

    The operations and shapes are those of the shipped model, but none of its code runs: a change
    of the program cannot change the digest.
    """
    torch.set_num_threads(1)
    generator = np.random.default_rng(0)

    def fixed(*shape: int) -> torch.Tensor:
        whole = generator.integers(-(2**20), 2**20, shape)
        return torch.from_numpy(whole.astype(np.float32) / 2**20)

    with torch.inference_mode():
        x = fixed(2, 151, 192)
        q, k, v = (fixed(2, 6, 151, 32) for _ in range(3))
        logits = x @ fixed(192, 1024)
        found = [
            F.linear(x, fixed(640, 192), fixed(640)),
            F.linear(x[:, :1], fixed(512, 192)),
            F.scaled_dot_product_attention(q, k, v),
            F.scaled_dot_product_attention(q, k, v, is_causal=True),
            F.conv2d(fixed(1, 48, 64, 64), fixed(48, 48, 3, 3), padding=1),
            F.conv1d(fixed(1, 80, 300), fixed(384, 80, 3), padding=1),
            torch.fft.rfft(fixed(4, 400)).abs(),
            F.rms_norm(x, (192,)),
            F.layer_norm(x, (192,)),
            F.gelu(x),
            F.silu(x),
            logits.softmax(-1),
            logits.double().softmax(-1).cumsum(-1),
            logits.log_softmax(-1),
            logits.logsumexp(-1),
            x.exp(),
            x.abs().add(1e-3).log(),
            x.abs().pow(0.9),
            x.sin(),
            x.cos(),
        ]
    return f"torch {torch.__version__} {digest(one.numpy() for one in found)[:32]}"
