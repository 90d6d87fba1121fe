"""Repainting: what the mask leaves out stays as it is, whatever the seed, the method and the
strength."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.__main__ import main
from engine.api.conversation import Conversation, Part
from engine.api.events import Completed, Refined
from engine.api.request import Inpainting, Request
from engine.api.sampling import Sampling, methods
from engine.engine import Engine
from engine.generation.inpainting import masked_patches, start_of_inpainting
from engine.generation.resume import initial_segment
from engine.inspection.trace_file import read_trace, trace_bytes
from engine.media.images import png_bytes, read_picture
from flow.modality import Modality
from samplers.counter_rng import CounterRNG
from samplers.sampler import Resume

PICTURE = np.random.default_rng(0).integers(0, 255, (48, 48, 3)).astype(np.uint8)
SEEDS = 25


def _mask(rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros((48, 48), bool)
    mask[rows, columns] = True
    return mask


LEFT = _mask(slice(None), slice(0, 20))


def _request(mask: np.ndarray = LEFT, strength: float = 1.0, seed: int = 0) -> Request:
    asked = Conversation.ask("a red heart")
    inpainting = Inpainting(PICTURE, mask, strength)
    return Request(asked, Modality.IMAGE, Sampling(steps=3, seed=seed), inpainting=inpainting)


def _codes(engine: Engine, request: Request) -> np.ndarray:
    *_, last = engine.generate(request)
    assert isinstance(last, Completed)
    assert last.request == request
    return last.answers[0].tokens


def test_what_is_outside_stays_whatever_the_seed_and_the_strength(tiny_engine: Engine) -> None:
    vision = tiny_engine.model.config.vision
    free = masked_patches(LEFT, vision.grid, vision.image_px)
    assert 0 < free.sum() < len(free)
    before = tiny_engine.encode(Part(image=PICTURE)).tokens.numpy()
    moved = 0
    for seed in range(SEEDS):
        codes = _codes(tiny_engine, _request(strength=0.05 + 0.95 * seed / SEEDS, seed=seed))
        assert np.array_equal(codes[~free], before[~free])
        moved += not np.array_equal(codes[free], before[free])
    assert moved > SEEDS // 2


@pytest.mark.parametrize("method", methods())
def test_every_method_leaves_the_outside_alone_at_every_step(
    tiny_engine: Engine, method: str
) -> None:
    vision = tiny_engine.model.config.vision
    free = masked_patches(LEFT, vision.grid, vision.image_px)
    before = tiny_engine.encode(Part(image=PICTURE)).tokens.numpy()
    request = replace(_request(), sampling=Sampling(steps=3).by(method))
    for event in tiny_engine.generate(request):
        if isinstance(event, Refined):
            assert np.array_equal(event.tokens_t[~free], before[~free])
            assert not event.changed[~free].any()


def test_the_weaker_the_nearer_it_begins(tiny_engine: Engine) -> None:
    """Codes of the state that a run begins with, which are those of the picture."""
    before = tiny_engine.encode(Part(image=PICTURE)).tokens.numpy()
    planner, free = tiny_engine.planner, np.ones(len(before), bool)
    sampling = planner.complete(Sampling(), Modality.IMAGE)
    mask_id = tiny_engine.model.spaces[Modality.IMAGE].mask_id

    def kept(strength: float) -> int:
        wish = replace(_request().inpainting or Inpainting(PICTURE, LEFT), strength=strength)
        start = start_of_inpainting(wish, before, free, mask_id)
        states = planner._states(start, sampling)
        found = [
            initial_segment(start, Resume.PATH, states, CounterRNG(torch.tensor([seed])), 0).tokens[
                0
            ]
            for seed in range(30)
        ]
        return sum(int((tokens.numpy() == before).sum()) for tokens in found)

    assert kept(0.02) > kept(0.5) > kept(1.0)


@pytest.mark.parametrize(
    ("rows", "columns", "wanted"),
    [
        (slice(None), slice(None), [1, 1, 1, 1]),
        (slice(0, 5), slice(0, 5), [1, 0, 0, 0]),
        (slice(None), slice(30, 48), [0, 1, 0, 1]),
        (slice(20, 28), slice(2, 6), [1, 0, 1, 0]),
    ],
)
def test_a_mask_touches_the_patches_it_lies_on(
    rows: slice, columns: slice, wanted: list[int]
) -> None:
    assert masked_patches(_mask(rows, columns), 2, 32).tolist() == [bool(w) for w in wanted]


@pytest.mark.parametrize("side", [64, 128, 200, 384, 1000])
def test_a_mask_of_another_size_touches_no_neighbours(side: int) -> None:
    chosen = np.zeros((8, 8), bool)
    chosen[3, 2:6] = chosen[5, 5] = True
    place = np.arange(side) * 8 // side
    assert np.array_equal(masked_patches(chosen[place][:, place], 8, 128), chosen.reshape(-1))


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        (lambda: Inpainting(PICTURE, np.zeros((48, 48), bool)), "nothing is painted over"),
        (lambda: Inpainting(PICTURE, LEFT[:9]), "another size than its picture"),
        (lambda: Inpainting(PICTURE, LEFT, 0.0), "strength must be above 0 and at most 1, not 0"),
        (lambda: Inpainting(PICTURE, LEFT, 1.5), "at most 1, not 1.5"),
        (lambda: replace(_request(), to=None), "ask for a picture"),
        (lambda: replace(_request(), to=Modality.TEXT), "ask for a picture"),
    ],
)
def test_a_wish_that_cannot_be_met_is_one_sentence(wish: object, says: str) -> None:
    assert callable(wish)
    with pytest.raises(ValueError, match=says):
        wish()


def test_many_at_once_are_not_repainted(tiny_engine: Engine) -> None:
    with pytest.raises(ValueError, match="one by one"):
        tiny_engine.generate_batch([_request()])


def test_a_trace_can_be_run_again(tiny_engine: Engine) -> None:
    recorder = tiny_engine.recorder()
    for event in tiny_engine.generate(_request(strength=0.7)):
        recorder.see(event)
    read = read_trace(trace_bytes(recorder.trace())).request
    assert read.inpainting is not None
    assert np.array_equal(read.inpainting.image, PICTURE)
    assert np.array_equal(read.inpainting.mask, LEFT)
    assert read.inpainting.strength == 0.7
    again = _codes(tiny_engine, replace(_request(), inpainting=read.inpainting))
    assert np.array_equal(again, recorder.trace().segments[0].arrays["x_t"][-1])


def test_a_picture_is_repainted_on_the_command_line(
    tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, picture in (("in", PICTURE), ("mask", LEFT[..., None].repeat(3, 2) * np.uint8(255))):
        (tmp_path / f"{name}.png").write_bytes(png_bytes(picture))
    run = ["generate", "--checkpoint", str(tiny_checkpoint), "--device", "cpu", "--steps", "2"]
    run += ["--prompt", "a dog", "--mask", str(tmp_path / "mask.png")]
    assert main(run) == 2
    assert "a mask goes with a picture" in capsys.readouterr().err
    run += ["--image", str(tmp_path / "in.png"), "--to", "image", "--strength", "0.8"]
    assert main([*run, "--out", str(tmp_path / "out.png")]) == 0
    assert read_picture(tmp_path / "out.png").shape == (32, 32, 3)
