"""What is given in one message is read in one order, whatever order it came in."""

from itertools import permutations

import numpy as np
import torch

from engine.api.conversation import Conversation, Part, Turn
from engine.api.request import Request
from engine.engine import Engine
from flow.modality import Modality

SOUND = np.random.default_rng(0).normal(0, 0.06, 6000).astype(np.float32)


def test_what_is_given_in_one_message_is_read_in_the_order_of_the_lessons(
    tiny_engine: Engine,
) -> None:
    """Whatever the order: a picture, a sound, words, as `training.data.multimodal_examples` lays
    them out."""
    given = (
        Part(image=np.zeros((4, 4, 3), np.uint8)),
        Part(audio=SOUND),
        Part(text="do you see what you hear?"),
    )
    found = []
    for parts in permutations(given):
        request = Request(Conversation((Turn("user", parts),)), Modality.TEXT)
        found.append(tiny_engine.builder.prompt_of(request, Modality.TEXT))
    image, sound = Modality.IMAGE, Modality.AUDIO
    for segments in found:
        assert [s.modality for s in segments if s.modality is not Modality.TEXT] == [image, sound]
        assert all(
            torch.equal(s.tokens, first.tokens) for s, first in zip(segments, found[0], strict=True)
        )
