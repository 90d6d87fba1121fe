"""Many answers at once: segments that agree in shape and settings share the network's calls.

No events are made. Owns: `batch_answers`. Does not own: specs and plans
(`engine.generation.segment_builder`), which specs agree (`engine.generation.segment_spec.batches`).
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from engine.api.events import Answer
from engine.api.request import Request
from engine.generation.host_transfer import last_tokens
from engine.generation.segment_builder import SegmentBuilder
from engine.generation.segment_spec import SegmentSpec, batches
from engine.prompt.answer_plan import first_modality, next_modality
from engine.prompt.conversation import understood
from flow.modality import Modality
from model.prompt_template import Message


def batch_answers(builder: SegmentBuilder, requests: Sequence[Request]) -> list[tuple[Answer, ...]]:
    """Return the answers of each request. Speech without words is written down first, all of it
    together."""
    found: list[list[Answer]] = [[] for _ in requests]
    spoken = [
        (i, r.heard(piece))
        for i, r in enumerate(requests)
        if r.listens
        for piece in builder.speech_pieces(r)
    ]
    transcripts = batch_answers(builder, [r for _, r in spoken]) if spoken else []
    for (i, _), (words,) in zip(spoken, transcripts, strict=True):
        found[i].append(replace(words, heard=True))
    prompts = {
        i: builder.messages(understood(r, found[i]))
        for i, r in enumerate(requests)
        if len(found[i]) < 2
    }
    todo = {
        i: builder.spec(requests[i], prompt, found[i], first_modality(requests[i]))
        for i, prompt in prompts.items()
    }
    while todo:
        specs, todo = {i: builder.with_edit_mask(spec) for i, spec in todo.items()}, {}
        for rows in batches(specs):
            *_, step = builder.plan([specs[i] for i in rows]).steps()
            for i, tokens in zip(rows, last_tokens(step), strict=True):
                follows = _next(builder, specs[i], tokens, requests[i], prompts[i], found[i])
                if follows is not None:
                    todo[i] = follows
    return [tuple(answers) for answers in found]


def _next(
    builder: SegmentBuilder,
    spec: SegmentSpec,
    tokens: np.ndarray,
    request: Request,
    messages: list[Message],
    found: list[Answer],
) -> SegmentSpec | None:
    """Add the answer of a finished segment to `found`; return the spec of the segment after it."""
    if spec.modality is Modality.AUDIO:
        spec, _, last = builder.next_block(spec, tokens)
        if not last:
            return spec
        assert spec.prefix_codes is not None
        tokens = spec.ids(spec.prefix_codes.numpy())
    answer = builder.codec.answer(tokens, spec.modality, style=request.style)
    found.append(replace(answer, share_kept=spec.share_kept(tokens)))
    modality = next_modality(request, found, builder.planner.flows)
    return None if modality is None else builder.spec(request, messages, found, modality)
