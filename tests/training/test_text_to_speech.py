"""The command of the speech stage: it goes on where it was broken off, and says what is missing."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.network.text_to_speech import TextToSpeech
from tests.small_voice import CONFIG
from training import text_to_speech as say
from training.data.speech.exact_codes import SaidCodes
from training.loop.run_state import FILE
from world.text.everyday import Everyday

SMALL = replace(CONFIG, block=6, blocks=2)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(say, "TextToSpeechConfig", lambda: SMALL)
    rng = np.random.default_rng(0)
    codes = [rng.integers(0, 512, (6, 2)) for _ in range(30)]
    folder = tmp_path / "said"
    folder.mkdir()
    SaidCodes([f"say {i}" for i in range(30)], codes).save(folder / "0.npz")
    return folder


def test_a_run_goes_on_until_its_minutes_are_used_up(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    arguments = ["train", str(data), str(run), "--held-out", str(data / "0.npz")]
    assert say.main([*arguments, "--minutes", "0.01"]) == 0
    assert "30 sentences" in capsys.readouterr().out
    assert (run / FILE).exists()
    assert TextToSpeech.load(run / "speaker").config == SMALL
    reports = [json.loads(r) for r in (run / "log.jsonl").read_text().splitlines()]
    assert "symbol_errors" in reports[-1]["report"]
    before = say._trained_minutes(run)
    assert before > 0
    assert say.main([*arguments, "--minutes", "0.001"]) == 0
    assert say._trained_minutes(run) == before
    assert say.main([*arguments, "--minutes", str(before + 0.01)]) == 0
    assert say._trained_minutes(run) > before


def test_what_is_missing_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> Everyday:
        raise ModuleNotFoundError("No module named 'chitchat_dataset'")

    monkeypatch.setattr(Everyday, "installed", missing)
    assert say.main(["codes", str(tmp_path / "a.npz")]) == 2
    assert "chitchat_dataset" in capsys.readouterr().err
    assert say.main(["train", str(tmp_path / "none"), str(tmp_path / "run")]) == 2
    assert "no sentences" in capsys.readouterr().err


@pytest.mark.parametrize("kind", [(), ("--held-out", "world"), ("--held-out", "open")])
def test_codes_are_those_of_a_share(
    kind: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    everyday = Everyday.of([f"{a} {b} the cat" for a in ("we", "i") for b in ("see", "like")] * 9)
    monkeypatch.setattr(Everyday, "installed", lambda: everyday)
    monkeypatch.setattr(
        SaidCodes,
        "of",
        lambda sentences: SaidCodes(s := list(sentences), [np.zeros((2, 2))] * len(s)),
    )
    out = tmp_path / "a.npz"
    if kind[-1:] == ("open",):
        everyday_open = [f"sentence {i}" for i in range(4)]
        monkeypatch.setattr(Everyday, "open", lambda self, seed, num: everyday_open[:num])
    assert say.main(["codes", str(out), "--num", "3", "--share", "2", *kind]) == 0
    found = list(SaidCodes.load(out).sentences)
    assert len(found) == 3
    if not kind:
        assert found == [everyday.sentence(0, i) for i in (6, 7, 8)]
    assert not list(tmp_path.glob("*.part*"))
