"""A voice comes back as it was, and a broken one says what is wrong in one sentence."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from model.loading.voice import DECODER, FOLDER, load_speaker, save_speaker
from tests.small_voice import CONFIG, small_speaker

CPU = torch.device("cpu")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    speaker = small_speaker()
    save_file(speaker.decoder.state_dict(), tmp_path / "decoder.safetensors")
    save_speaker(tmp_path, speaker.network, tmp_path / "decoder.safetensors")
    return tmp_path


def test_it_comes_back(folder: Path) -> None:
    found, wanted = load_speaker(folder, CPU), small_speaker()
    assert found is not None and found.network.config == CONFIG
    for one, other in ((found.network, wanted.network), (found.decoder, wanted.decoder)):
        for name, value in other.state_dict().items():
            torch.testing.assert_close(one.state_dict()[name], value, atol=1e-3, rtol=1e-3)


def test_a_checkpoint_may_have_none(tmp_path: Path) -> None:
    assert load_speaker(tmp_path, CPU) is None


def test_what_is_missing_is_said(folder: Path) -> None:
    (folder / FOLDER / DECODER).unlink()
    with pytest.raises(ValueError, match=r"decoder\.safetensors is missing; fetch it again"):
        load_speaker(folder, CPU)


def test_what_is_broken_is_said(folder: Path) -> None:
    for file in (folder / FOLDER).glob("text_to_speech-*"):
        file.unlink()
    with pytest.raises(ValueError, match="holds no whole speaker"):
        load_speaker(folder, CPU)
