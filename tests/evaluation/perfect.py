"""Engines that know the answers, or none of them, and a tokenizer that loses nothing or much."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor, nn

from engine.api.events import Answer
from engine.api.request import Request
from evaluation.judges.image_parser import Parsed, parse
from flow.modality import Modality
from world.image.rendering import render
from world.image.scenes import Scene

TOKENS = np.zeros((4, 1), np.int64)


class PixelTokenizer(nn.Module):
    """Codes are the pixels themselves, on 256 levels: nothing is lost."""

    config = SimpleNamespace(cardinality=256)

    def encode(self, pixels: Tensor) -> Tensor:
        return ((pixels.permute(0, 2, 3, 1).flatten(1, 2) + 1) * 127.5).round().long()

    def decode(self, codes: Tensor) -> Tensor:
        return codes.float().unflatten(1, (128, 128)).permute(0, 3, 1, 2) / 127.5 - 1


@dataclass
class ScriptedAnswerer:
    """Answers requests from a list, one after the other, and remembers what it was asked."""

    script: list[tuple[Answer, ...]]
    asked: list[Request] = field(default_factory=list)
    facts: dict[str, object] = field(default_factory=dict)
    model: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(
            vision=PixelTokenizer(), config=SimpleNamespace(required_vision=PixelTokenizer.config)
        )
    )
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def generate_batch(self, requests: Sequence[Request]) -> list[tuple[Answer, ...]]:
        start = len(self.asked)
        self.asked += requests
        return self.script[start : len(self.asked)]


def said(text: str, *, suggest: bool = False) -> tuple[Answer, ...]:
    return (Answer(Modality.TEXT, TOKENS, text=text, suggest=suggest),)


def shown(scene: Scene, words: str = "") -> tuple[Answer, ...]:
    picture = Answer(Modality.IMAGE, TOKENS, image=render(scene))
    return (*said(words), picture) if words else (picture,)


@cache
def parsed(pixels: bytes) -> Parsed:
    """Parse an image of 128 pixels; equal pixels are parsed once."""
    return parse(np.frombuffer(pixels, np.uint8).reshape(128, 128, 3))
