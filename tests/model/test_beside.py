"""A place of a picture sees the same place in the pictures right before and after it, and no other
place."""

from dataclasses import asdict, replace

import torch
from torch import Tensor

from flow.modality import Modality
from flow.sequence import OmniSequence, Segment, drop_prompt, prompt, response
from model.loading.config_file import config_from_json
from model.network.omni import OmniModel
from model.presets import PRESETS
from model.tokenizers.text import TextTokenizer

CONFIG = PRESETS["tiny"]
PLACES, BOOKS, FRAMES = CONFIG.vision.positions, CONFIG.vision.num_codebooks, CONFIG.video_frames


def _codes(frames: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 16, (2, frames * PLACES, BOOKS), generator=generator)


def _words() -> Segment:
    return prompt(Modality.TEXT, torch.full((2, 3, 1), 40))


def _changed(segment: Segment, place: int) -> Segment:
    tokens = segment.tokens.clone()
    tokens[:, place] = (tokens[:, place] + 1) % 16
    return replace(segment, tokens=tokens)


def _moved(model: OmniModel, before: OmniSequence, after: OmniSequence) -> list[int]:
    """The positions whose input differs."""
    with torch.inference_mode():
        (x, _), (y, _) = model.embed(before), model.embed(after)
    return torch.nonzero((x - y).abs().amax((0, 2)) > 1e-6).flatten().tolist()


def test_a_picture_sees_the_same_place_in_the_one_before(tiny_model: OmniModel) -> None:
    shown, answer = prompt(Modality.IMAGE, _codes(1, 0)), response(Modality.IMAGE, _codes(1, 1))
    plain = OmniSequence((shown, _words(), answer))
    changed = OmniSequence((_changed(shown, 2), _words(), answer))
    assert _moved(tiny_model, plain, changed) == [2, PLACES + 3 + 2]
    other = OmniSequence((shown, _words(), _changed(answer, 1)))
    assert _moved(tiny_model, plain, other) == [PLACES + 3 + 1]


def test_frames_see_those_beside_them(tiny_model: OmniModel) -> None:
    shown = prompt(Modality.IMAGE, _codes(1, 0))
    film = response(Modality.VIDEO, _codes(FRAMES, 1))
    plain = OmniSequence((shown, film))
    changed = OmniSequence((shown, _changed(film, 3 * PLACES + 1)))
    assert _moved(tiny_model, plain, changed) == [(i + 1) * PLACES + 1 for i in (2, 3, 4)]
    other = OmniSequence((_changed(shown, 1), film))
    assert _moved(tiny_model, plain, other) == [1, PLACES + 1]


def test_a_dropped_picture_is_not_seen(tiny_model: OmniModel) -> None:
    shown, answer = prompt(Modality.IMAGE, _codes(1, 0)), response(Modality.IMAGE, _codes(1, 1))
    rows = torch.tensor([True, True])
    dropped, other = (
        drop_prompt(OmniSequence((s, _words(), answer)), rows) for s in (shown, _changed(shown, 2))
    )
    assert _moved(tiny_model, dropped, other) == [2]


def test_what_is_read_from_left_to_right_sees_none(tiny_model: OmniModel) -> None:
    shown, answer = prompt(Modality.IMAGE, _codes(1, 0)), response(Modality.IMAGE, _codes(1, 1))
    books = tiny_model.codebooks()
    with torch.inference_mode():
        x, y = (
            tiny_model.embeddings(OmniSequence((s, _words(), answer)), books, causal=True)
            for s in (shown, _changed(shown, 2))
        )
    assert torch.equal(x[:, PLACES:], y[:, PLACES:])


def test_a_checkpoint_from_before_learns_it_without_a_jump(
    tiny_tokenizer: TextTokenizer,
) -> None:
    values = asdict(CONFIG)
    del values["neighbours"]
    old = OmniModel(config_from_json(values), tiny_tokenizer.space())
    assert old.embeddings.beside is None
    new = OmniModel(CONFIG, tiny_tokenizer.space())
    new.load_state_dict(old.state_dict(), strict=False)
    both = OmniSequence(
        (prompt(Modality.IMAGE, _codes(1, 0)), response(Modality.IMAGE, _codes(1, 1)))
    )
    with torch.inference_mode():
        for a, b in zip(old.features(both), new.features(both), strict=True):
            assert torch.equal(a, b)
