"""Many answers at once: in every round one segment of each, and what agrees in shape and settings
shares the network's calls.

Nothing is told while they form. Owns: `Batch`. Does not own: what a wish is made of
(`engine.engine`), which wishes agree (`engine.generation.segment_spec.groups`).
"""

from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.api.conversation import Conversation
from engine.api.events import Answer
from engine.api.request import Request
from engine.generation.host_transfer import last_tokens
from engine.generation.segment_spec import SegmentSpec, groups
from engine.media.codec import Codec
from engine.prompt.answer_plan import first_modality, next_modality
from engine.prompt.conversation import understood
from flow.modality import Modality
from model.config import OmniConfig
from model.prompt_template import Message
from samplers.step import Step


@dataclass(frozen=True)
class Batch:
    """What is needed of an engine. known: what it can make. pieces: what was said in a request, as
    long as is heard at once. messages, wish: as one answer is begun and goes on. begun: a
    wish with what is held of a picture that it changes. steps: of wishes that agree."""

    codec: Codec
    config: OmniConfig
    known: Collection[Modality]
    pieces: Callable[[Request], list[np.ndarray]]
    messages: Callable[[Conversation], list[Message]]
    wish: Callable[[Request, list[Message], list[Answer], Modality], SegmentSpec]
    begun: Callable[[SegmentSpec], SegmentSpec]
    steps: Callable[[list[SegmentSpec]], Generator[Step]]

    def answers(self, requests: Sequence[Request]) -> list[tuple[Answer, ...]]:
        """Of each request; speech without words is written down first, all of it together."""
        found: list[list[Answer]] = [[] for _ in requests]
        asked = [
            (i, r.heard(piece))
            for i, r in enumerate(requests)
            if r.listens
            for piece in self.pieces(r)
        ]
        heard = self.answers([r for _, r in asked]) if asked else []
        for (i, _), (words,) in zip(asked, heard, strict=True):
            found[i].append(replace(words, heard=True))
        prompts = {
            i: self.messages(understood(r, found[i]))
            for i, r in enumerate(requests)
            if len(found[i]) < 2
        }
        todo = {
            i: self.wish(requests[i], prompt, found[i], first_modality(requests[i]))
            for i, prompt in prompts.items()
        }
        while todo:
            wishes, todo = {i: self.begun(wish) for i, wish in todo.items()}, {}
            for group in groups(wishes):
                *_, step = self.steps([wishes[i] for i in group])
                for i, tokens in zip(group, last_tokens(step), strict=True):
                    follows = self._after(wishes[i], tokens, requests[i], prompts[i], found[i])
                    if follows is not None:
                        todo[i] = follows
        return [tuple(answers) for answers in found]

    def _after(
        self,
        wish: SegmentSpec,
        tokens: np.ndarray,
        request: Request,
        messages: list[Message],
        found: list[Answer],
    ) -> SegmentSpec | None:
        """Adds what has been answered to `found`; the wish for what follows."""
        if wish.modality is Modality.AUDIO:
            wish, _, last = wish.grown(tokens, self.config)
            if not last:
                return wish
            assert wish.begun is not None
            tokens = wish.begun.numpy()
        found.append(self.codec.answer(tokens, wish.modality, style=request.style))
        modality = next_modality(request, found, self.known)
        return None if modality is None else self.wish(request, messages, found, modality)
