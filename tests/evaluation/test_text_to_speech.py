"""The speaker is measured on sentences it was not given, beside the exact codes of the same."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from evaluation import text_to_speech as suite
from model.config import BackboneConfig, HeadConfig
from model.network.text_to_speech import TextToSpeech, TextToSpeechConfig
from model.tokenizers.speech_decoder import SpeechDecoder

SENTENCES = ("a dog.", "two cats.")


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A speaker and a decoder with random weights, and two sentences with their codes."""
    torch.manual_seed(0)
    sizes = BackboneConfig(
        width=32, layers=1, heads=4, kv_heads=2, head_dim=8, mlp_width=64, qk_norm=True
    )
    head = HeadConfig(width=16, layers=1, heads=2, mlp_width=32)
    TextToSpeech(TextToSpeechConfig(sizes, head, 1, 6, 2)).save(tmp_path / "speaker")
    save_file(SpeechDecoder().state_dict(), tmp_path / "decoder.safetensors")
    codes = np.random.default_rng(0).integers(0, 512, (11, 2)).astype(np.uint16)
    np.savez(
        tmp_path / "held.npz", sentences=np.array(SENTENCES), codes=codes, ends=np.array([5, 11])
    )
    return tmp_path


def _run(made: Path, *options: str) -> list[dict]:
    found = suite.main([
        str(made / "speaker"), "--decoder", str(made / "decoder.safetensors"),
        "--sentences", str(made / "held.npz"), "--json", str(made / "curve.jsonl"),
        "--steps", "2", *options,
    ])  # fmt: skip
    assert found == 0
    return [json.loads(line) for line in (made / "curve.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("sampler", suite.SAMPLERS)
def test_a_line_says_how_much_was_understood(
    made: Path, sampler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = iter(["a dog", "two hats"])
    monkeypatch.setitem(suite.JUDGES, "tiny", lambda: lambda samples: next(heard))
    (made / "log.jsonl").write_text('{"step": 20, "seen": 40, "s": 12.5}\n{"step": 20}\n')
    log = str(made / "log.jsonl")
    (line,) = _run(made, "--sampler", sampler, "--log", log, "--show", "2")
    assert line["wer_tiny"] == 0.25
    assert line["worst_tiny"] == [["two cats.", "two hats"]]
    assert (line["sentences"], line["num"], line["s"]) == ("held", 2, 12.5)
    assert line["symbol_errors"] > 0


def test_the_floor_needs_no_speaker(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(suite.JUDGES, "tiny", lambda: lambda samples: "a dog two cats")
    (line,) = _run(made, "--floor")
    assert "symbol_errors" not in line
    assert "wer_tiny" in line


def test_a_missing_speaker_is_one_sentence(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        str(made / "none"), "--decoder", str(made / "decoder.safetensors"),
        "--sentences", str(made / "held.npz"),
    ]  # fmt: skip
    assert suite.main(arguments) == 2
    assert "text_to_speech.json is missing" in capsys.readouterr().err


def test_symbol_errors_are_edits() -> None:
    one, other = np.array([[0, 0], [8, 0], [16, 5]]), np.array([[3, 1], [16, 5]])
    assert suite.symbol_errors([one], [one]) == 0
    assert suite.symbol_errors([one], [other]) == 0.5
