"""Recordings that carry their words, who can read them, and engines that always hear and speak
right, or never."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.api.events import Answer, AudioChunk, Completed, Event
from engine.api.request import Request
from evaluation.pack import Pack
from evaluation.speech_client import audio_of
from evaluation.suites.sounds import MAKE_IT, NAME_IT
from flow.modality import Modality
from model.prompt_template import TRANSCRIBE
from tests.evaluation.perfect import TOKENS, said
from world.audio.sounds import SOUND
from world.audio.speech import Clip
from world.audio.voices import HELD_OUT_VOICES, KOKORO_VOICES, OUTPUT_VOICE
from world.text.sentences import SAY, sound_answer, transcript

UNIT = 1000


def voiced(text: str) -> np.ndarray:
    """Noise of 1.25 s whose first samples encode the text."""
    samples = np.random.default_rng(len(text)).standard_normal(20_000) * 0.1
    letters = [len(text), *(ord(c) for c in text)]
    samples[: len(letters)] = np.array(letters) / UNIT
    return samples.astype(np.float32)


def heard(samples: np.ndarray) -> str:
    """Return the text that `voiced` encoded; "" for silence."""
    letters = np.round(samples[:500] * UNIT).astype(int)
    return "".join(chr(c) for c in letters[1 : 1 + letters[0]]) if len(letters) else ""


def spoken(text: str) -> tuple[Answer, ...]:
    return (Answer(Modality.AUDIO, TOKENS, audio=voiced(text)),)


class SampleTokenizer:
    """Codes are the samples themselves, on 65,535 levels."""

    def encode(self, samples: Tensor) -> Tensor:
        return ((samples + 1) * 32767).round().long()[..., None]

    def decode(self, codes: Tensor) -> Tensor:
        return codes[..., 0].float() / 32767 - 1


@dataclass
class Talker:
    """Answers by a rule, and remembers what it was asked."""

    rule: Callable[[Request], tuple[Answer, ...]]
    max_audio_s: float = 8.0
    facts: dict[str, object] = field(default_factory=dict)
    asked: list[Request] = field(default_factory=list)
    model: Any = field(default_factory=lambda: SimpleNamespace(audio=SampleTokenizer()))
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def generate_batch(self, requests: Sequence[Request]) -> list[tuple[Answer, ...]]:
        self.asked += requests
        return [self.rule(r) for r in requests]

    def generate(self, request: Request) -> Iterator[Event]:
        answers = self.rule(request)
        samples = audio_of(answers)
        for piece in (samples[:0], samples[:100], samples[100:]):
            yield AudioChunk(0, piece, len(piece) > 100, 0.0)
        yield Completed(request, answers, 1, 0.0)


Known = dict[tuple[str, bytes | None], str]
"""(question, bytes of its picture) -> right answer."""


def perfect(known: Known | None = None) -> Callable[[Request], tuple[Answer, ...]]:
    """The rule that is always right."""
    return lambda request: _right(request, known or {})


def _right(request: Request, known: Known) -> tuple[Answer, ...]:
    parts = request.conversation.turns[-1].parts
    words = "".join(p.text for p in parts if p.text is not None)
    sound = "".join(heard(p.audio) for p in parts if p.audio is not None)
    picture = next((p.image.tobytes() for p in parts if p.image is not None), None)
    say, make = SAY.format(""), MAKE_IT.format("")
    if words == TRANSCRIBE:
        return said(transcript(sound))
    if words == NAME_IT:
        return said(sound_answer(sound))
    if words.startswith((say, make)):
        return spoken(words.removeprefix(say).removeprefix(make))
    answer = known[sound, picture]
    listened = [replace(a, heard=True) for a in said(transcript(sound))] if request.listens else []
    return (*listened, *said(answer), *(spoken(answer) if request.aloud else ()))


def clip(name: str, sentence: str, voice: str) -> Clip:
    return Clip(name, sentence, voice, voiced(sentence))


SENTENCES = (
    ("a red heart", OUTPUT_VOICE),
    ("who are you?", KOKORO_VOICES[0]),
    ("four grey donuts", HELD_OUT_VOICES[0]),
    ("what is a cake?", HELD_OUT_VOICES[1]),
    ("what do you see?", OUTPUT_VOICE),
    ("describe the picture.", KOKORO_VOICES[1]),
    ("what is the place?", HELD_OUT_VOICES[0]),
    ("thank you!", HELD_OUT_VOICES[2]),
)
SOUNDS = ("a dog", "rain", "a dog", "rain")
PACK = Pack(
    (
        *(clip(f"test-{i}", *row) for i, row in enumerate(SENTENCES)),
        *(clip(f"unheard-{i}", thing, SOUND) for i, thing in enumerate(SOUNDS)),
    ),
    SimpleNamespace(name=heard),  # pyright: ignore[reportArgumentType]
)
