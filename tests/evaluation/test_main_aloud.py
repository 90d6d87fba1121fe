"""The suites of sound from the command line, and the command that makes their clips."""

import json
from pathlib import Path

import pytest

import evaluation.__main__ as command
from evaluation.judges import speech_judges
from tests.evaluation.talker import PACK, Talker, heard, perfect


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Talker:
    talker = Talker(perfect())
    monkeypatch.setattr(command.Engine, "load", lambda *_, **__: talker)
    monkeypatch.setattr(command.pack, "read_pack", lambda _: PACK)
    monkeypatch.setattr(speech_judges, "whisper", lambda: heard)
    monkeypatch.setattr(speech_judges, "pocketsphinx", lambda: heard)
    monkeypatch.setattr(speech_judges, "dnsmos", lambda: lambda _: 3.0)
    return talker


@pytest.mark.parametrize(
    ("suite", "figure", "value"),
    [("asr", "wer", 0), ("tts", "wer", 0), ("sounds", "sound_made", 1)],
)
def test_a_suite_of_sound(
    engine: Talker, suite: str, figure: str, value: float, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main([suite, "--num", "2", "--seed", "5", "--steps", "3"]) == 0
    values = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (values["name"], values["num"], values["seed"]) == (suite, 2, 5)
    assert values["metrics"][figure] == value
    assert (engine.asked[0].sampling.seed, engine.asked[0].sampling.steps) == (5, 3)


@pytest.mark.parametrize("suite", ["asr", "tts", "spoken_qa", "sounds"])
def test_a_checkpoint_without_sound_gets_one_sentence(
    engine: Talker, suite: str, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.max_audio_s = 0.0
    assert command.main([suite, "--num", "1"]) == 2
    assert "neither hears nor speaks" in capsys.readouterr().err
    assert engine.asked == []


@pytest.mark.usefixtures("engine")
def test_without_a_judge_asr_has_no_floor(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing() -> None:
        raise speech_judges.NotInstalledError("the judge is not installed")

    monkeypatch.setattr(speech_judges, "whisper", missing)
    assert command.main(["asr", "--num", "2"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out.splitlines()[-1])["judge"] == {}
    assert "note: wer_floor is left out" in printed.err
    assert command.main(["tts", "--num", "2"]) == 2
    assert "error: the judge is not installed" in capsys.readouterr().err


def test_a_pack_from_the_command_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[Path, Path]] = []

    def write_pack(corpus: Path, folder: Path) -> int:
        asked.append((corpus, folder))
        return 2_400_000

    monkeypatch.setattr(command.pack, "write_pack", write_pack)
    out = tmp_path / "pack"
    assert command.main(["pack", "--speech", "corpus", "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"2.4 MB in {out}\n"
    assert asked == [(Path("corpus"), out)]


def test_no_corpus_no_pack(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--speech", str(tmp_path / "none"), "--out", str(tmp_path / "pack")]
    assert command.main(["pack", *options]) == 2
    assert capsys.readouterr().err.startswith("error: ")
