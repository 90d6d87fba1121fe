"""A picture dictionary as a model's tokenizer: what is needed of it, and the path of its codes."""

from pathlib import Path

import pytest

from flow.schedule import Schedule
from model.presets import PRESETS
from model.tokenizers.image import VisionTokenizer
from training.checkpoints.dictionary import PARTS, VISION, load_dictionary, named


@pytest.mark.parametrize(
    ("needed", "said"), [(PARTS[:2], "no atlas and no ground yet"), (("encoder",), "no encoder")]
)
def test_a_missing_part_is_named(tmp_path: Path, needed: tuple[str, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        load_dictionary(VisionTokenizer(VISION), tmp_path, needed)


def test_its_codes_form_all_along_the_path() -> None:
    config = named(PRESETS["nano"])
    assert config.named_codes and config.vision is VISION
    for flow in (config.image_flow, config.video_flow):
        path = Schedule(flow.c, flow.a)
        assert path.beta(0.1) < 4 < 12 < path.beta(0.7) < 40 < path.beta(0.97)
    assert config.audio_flow == PRESETS["nano"].audio_flow
