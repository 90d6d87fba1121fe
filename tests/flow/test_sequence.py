"""What is dropped with a prompt, and what of an answer stays."""

import pytest
import torch

from flow.modality import Modality
from flow.sequence import OmniSequence, Segment, drop_prompt, prompt, response

BOTH = torch.tensor([True, False])


def _prompt(modality: Modality, length: int) -> Segment:
    return prompt(modality, torch.zeros(2, length, 1, dtype=torch.long))


def _answer(modality: Modality) -> Segment:
    return response(modality, torch.zeros(2, 3, 1, dtype=torch.long))


@pytest.mark.parametrize(
    ("prompts", "kept"),
    [
        ([(Modality.TEXT, 4)], [1]),
        ([(Modality.TEXT, 4), (Modality.IMAGE, 5), (Modality.TEXT, 2)], [0, 0, 1]),
        ([(Modality.TEXT, 4), (Modality.AUDIO, 5)], [1, 5]),
        ([(Modality.TEXT, 4), (Modality.AUDIO, 5), (Modality.TEXT, 2)], [0, 0, 1]),
    ],
)
def test_the_marker_and_what_has_begun_stay(
    prompts: list[tuple[Modality, int]], kept: list[int]
) -> None:
    to = Modality.AUDIO
    sequence = OmniSequence((*(_prompt(*p) for p in prompts), _answer(to)))
    dropped = drop_prompt(sequence, BOTH)
    assert [int(s.valid[0].sum()) for s in dropped.segments] == [*kept, 3]
    assert all(bool(s.valid[1].all()) for s in dropped.segments), "the other row is whole"
    before = dropped.segments[len(prompts) - 1]
    assert bool(before.valid[0, -1])
