"""The file of all suites: sizes, reasons, an interrupted run and its continuation."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

import evaluation.__main__ as command
from engine.api.events import Answer
from engine.api.request import Request
from evaluation import run_all
from evaluation.judges import speech_judges
from evaluation.requirements import Requirement
from evaluation.result import Result
from evaluation.run_all import AllResults
from evaluation.suites import catalogue
from evaluation.suites.catalogue import SUITES
from flow.modality import Modality
from tests.evaluation.perfect import PixelTokenizer, said
from tests.evaluation.talker import PACK, SampleTokenizer, Talker, heard, perfect


@dataclass
class Whole(Talker):
    """A talker with everything that `all` asks an engine for."""

    digest: str = "abc"


def whole(rule: Callable[[Request], tuple[Answer, ...]], *, max_audio_s: float = 0.0) -> Whole:
    config = SimpleNamespace(
        video_frames=0, media=(Modality.IMAGE,), thinks=False, has_embedding=False
    )
    model = SimpleNamespace(vision=PixelTokenizer(), audio=SampleTokenizer(), config=config)
    return Whole(rule, max_audio_s, model=model)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Whole:
    talker = whole(lambda _: said("a dog"))
    monkeypatch.setattr(command.Engine, "load", lambda *_, **__: talker)
    monkeypatch.setattr(command.pack, "read_pack", lambda _: PACK)
    return talker


def run(file: Path, *options: str) -> AllResults:
    assert command.main(["all", "--json", str(file), "--seed", "3", *options]) == 0
    found = run_all.read(file)
    assert isinstance(found, AllResults)
    return found


def test_each_suite_has_its_own_size() -> None:
    full = run_all.sizes(SUITES)
    assert (full["scenes"], full["retrieval"], full["tts"]) == (240, 500, 36)
    quarter = run_all.sizes(SUITES, part=0.25)
    assert (quarter["scenes"], quarter["editing"], quarter["matrix"]) == (60, 35, 6)
    two = run_all.sizes(SUITES, num=2)
    assert (two["scenes"], two["asr"], two["video"], two["chat"]) == (6, 2, 10, 6)
    for small in (quarter, run_all.sizes(SUITES, part=0.01), two):
        assert all(size % SUITES[name].multiple == 0 < size for name, size in small.items())


def test_there_are_never_more_than_the_recordings() -> None:
    found = run_all.limit_to_clips({"asr": 144, "tts": 1, "sounds": 66, "chat": 144}, PACK)
    assert found == {"asr": len(PACK.spoken), "tts": 1, "sounds": len(PACK.sounds), "chat": 144}


def test_what_cannot_be_measured_is_left_out_with_its_reason(
    engine: Whole, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "all.json"
    names = ("chat", "thinking", "video", "asr", "retrieval")
    found = run(file, "--num", "6", "--only", *names)
    assert list(found.suites) == ["chat"]
    assert found.left_out == {
        "thinking": f"not trained: {Requirement.THINKING}",
        "video": f"not trained: {Requirement.VIDEO}",
        "asr": f"not trained: {Requirement.SOUND}",
        "retrieval": f"not trained: {Requirement.RETRIEVAL}",
    }
    assert (found.digest, found.seed, found.suites["chat"].num) == ("abc", 3, 6)
    assert [r.sampling.seed for r in engine.asked] == list(range(3, 9))
    printed = capsys.readouterr()
    values = json.loads(printed.out.splitlines()[-1])
    assert values == json.loads(file.read_text())
    assert values["name"] == "all"
    assert "[2/5] thinking: left out" in printed.err


def test_a_judge_that_is_not_there_costs_its_suites_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def missing() -> None:
        raise speech_judges.NotInstalledError("the judge is not installed")

    talker = whole(perfect(), max_audio_s=8.0)
    monkeypatch.setattr(command.Engine, "load", lambda *_, **__: talker)
    monkeypatch.setattr(command.pack, "read_pack", lambda _: PACK)
    monkeypatch.setattr(speech_judges, "whisper", missing)
    found = run(tmp_path / "all.json", "--num", "2", "--only", "asr", "tts")
    assert found.suites["asr"].metrics["wer"] == 0
    assert found.left_out == {"tts": "no judge: the judge is not installed"}


def test_a_suite_that_fails_is_left_out_and_the_rest_goes_on(
    engine: Whole, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("nothing fits")

    monkeypatch.setattr(catalogue.captions, "evaluate", broken)
    found = run(tmp_path / "all.json", "--num", "6", "--only", "captions", "chat")
    assert found.left_out == {"captions": "failed: nothing fits"}
    assert list(found.suites) == ["chat"]
    assert engine.asked


def test_a_break_off_loses_nothing_and_resume_goes_on(
    engine: Whole, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "all.json"

    def stopped(request: Request) -> tuple[Answer, ...]:
        if request.to is None:
            raise KeyboardInterrupt
        return said("a dog")

    engine.rule = stopped
    options = ["all", "--num", "6", "--only", "captions", "chat", "--seed", "3"]
    assert command.main([*options, "--json", str(file)]) == command.STOPPED
    assert "--resume" in capsys.readouterr().err
    first = run_all.read(file)
    assert isinstance(first, AllResults)
    assert list(first.suites) == ["captions"]

    engine.rule, engine.asked = lambda _: said("a dog"), []
    found = run(file, "--num", "6", "--only", "captions", "chat", "--resume")
    assert list(found.suites) == ["captions", "chat"]
    assert found.suites["captions"] == first.suites["captions"]
    assert {r.to for r in engine.asked} == {None}


@pytest.mark.parametrize("changed", ["digest", "weights", "seed", "size"])
def test_resume_trusts_the_same_weights_seed_and_size_only(
    engine: Whole, tmp_path: Path, changed: str
) -> None:
    file = tmp_path / "all.json"
    run(file, "--num", "6", "--only", "chat")
    engine.asked = []
    engine.digest = "other" if changed == "digest" else "abc"
    seed, num = "4" if changed == "seed" else "3", "7" if changed == "size" else "6"
    kept = "int8" if changed == "weights" else "auto"
    again = ["--num", num, "--only", "chat", "--resume", "--seed", seed, "--weights", kept]
    found = run(file, *again)
    assert (found.weights, found.suites["chat"].weights) == (kept, kept)
    assert run(file, *again).suites == found.suites
    assert len(engine.asked) == (12 if changed == "size" else 6)


def test_resume_keeps_the_suites_that_are_not_asked_for(engine: Whole, tmp_path: Path) -> None:
    file = tmp_path / "all.json"
    run(file, "--num", "6", "--only", "chat", "thinking")
    found = run(file, "--num", "6", "--only", "captions", "--resume")
    assert list(found.suites) == ["captions", "chat"]
    assert list(found.left_out) == ["thinking"]
    assert engine.asked


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    "options",
    [
        ["--num", "0"],
        ["--share", "0"],
        ["--share", "1.5"],
        ["--resume"],
        ["--json", "/no/such/folder/x.json"],
        ["--report", "/no/such/folder/x.html"],
        ["--against", "/no/such/file.json"],
    ],
    ids=" ".join,
)
def test_a_mistake_gets_one_sentence(
    options: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["all", *options]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ")
    assert len(printed.err.splitlines()) == 1


def test_the_file_of_one_suite_is_not_gone_on_with(
    engine: Whole, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "one.json"
    file.write_text(Result("chat", "", "x", "cpu", 0, 6, 1.0, {"right": 1.0}).to_json())
    before = file.read_text()
    assert command.main(["all", "--json", str(file), "--resume"]) == 2
    assert "one suite" in capsys.readouterr().err
    assert file.read_text() == before
    assert engine.asked == []


def test_whisper_is_found_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    talker = whole(perfect(), max_audio_s=8.0)
    monkeypatch.setattr(command.Engine, "load", lambda *_, **__: talker)
    monkeypatch.setattr(command.pack, "read_pack", lambda _: PACK)
    monkeypatch.setattr(speech_judges, "whisper", lambda: heard)
    found = run(tmp_path / "all.json", "--num", "2", "--only", "asr", "sounds", "omni")
    assert found.suites["asr"].judge["wer_floor"] == 0
    assert found.suites["sounds"].metrics["sound_made"] == 1
    assert found.left_out == {"omni": f"not trained: {Requirement.VIDEO}"}
