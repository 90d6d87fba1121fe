"""The exact codes of pictures are those that their labels give."""

import numpy as np
import pytest
import torch

from model.tokenizer_config import DictionaryConfig
from model.tokenizers.dictionary.tokenizer import ImageDictionary
from training.data.exact_pictures import ExactPictures
from training.stages.image_dictionary import exact_codes
from world.domain import domain
from world.image.drawings import DRAWINGS, SHEET, Drawings
from world.image.named_scenes import CELL_PX, COLOURS, IMAGE_PX, SIZES_PX, NamedScenes, Standing
from world.image.recolouring import colour_matrices
from world.image.rendering import background_picture
from world.image.scenes import Scene, sample_scene
from world.image.sprites import drawing_of
from world.video.motion import Frame, Motion, frames_of, sample_video


@pytest.fixture(scope="module")
def dictionary() -> ImageDictionary:
    torch.manual_seed(0)
    made = ImageDictionary(DictionaryConfig(atlas_channels=1, encoder_widths=(8, 8, 8)), 8)
    for buffer in made.ground_codes.buffers():
        buffer.normal_()
    return made


def test_they_are_those_of_the_labels(dictionary: ImageDictionary) -> None:
    with domain("large"):
        rng = np.random.default_rng(0)
        scenes = [sample_scene(rng, test=False) for _ in range(24)]
        drawings = Drawings(SHEET)
        named = NamedScenes(drawings, range(len(DRAWINGS)), colour_matrices(drawings))
        pictures = [(background_picture(s.background, IMAGE_PX) * 255 + 0.5) for s in scenes]
        labels = named.drawn([_plan(s) for s in scenes], [p.astype(np.uint8) for p in pictures])
        wanted = exact_codes(dictionary, labels).numpy()
        exact = ExactPictures(dictionary)
        found = np.stack([exact.codes(Frame.of(scene)) for scene in scenes])
    assert np.array_equal(found, wanted)


def test_what_turns_has_other_codes_in_each_frame(dictionary: ImageDictionary) -> None:
    with domain("large"):
        film = sample_video(np.random.default_rng(1), test=False, motion=Motion.SPIN)
        exact = ExactPictures(dictionary)
        codes = [exact.codes(frame) for frame in frames_of(film)]
    assert len({c.tobytes() for c in codes[:4]}) == 4
    assert np.array_equal(codes[0], codes[4])


def _plan(scene: Scene) -> list[Standing]:
    return [
        Standing(
            drawing_of(item.concept),
            SIZES_PX.index(item.cells * CELL_PX),
            (item.column + item.cells / 2) * CELL_PX,
            (item.row + item.cells / 2) * CELL_PX,
            COLOURS.index(item.colour or "natural"),
        )
        for item in scene.items
    ]
