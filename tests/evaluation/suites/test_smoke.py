"""`smoke` tries all that a checkpoint promises, and says which of it is broken."""

import json
import re
from collections.abc import Generator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.api.conversation import Part
from engine.api.events import Answer, Completed, Event
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from evaluation.__main__ import main
from evaluation.suites.smoke import smoke, table, to_json
from flow.modality import Modality
from model.convert.__main__ import main as convert
from tests.engine.media.test_codec_process import command
from tests.model import coded_models

KINDS = ("text", "image", "audio", "video")
CODEC = command()
QUICK = Sampling(steps=2)


def _longer(answer: Answer, number: int) -> Answer:
    """Append a token."""
    more = np.full((1, answer.tokens.shape[1]), number)
    return replace(answer, tokens=np.concatenate([answer.tokens, more]))


class Broken:
    """An engine that fails in one way: it changes its answers, never ends, or raises."""

    def __init__(self, engine: Engine, how: str) -> None:
        self.engine, self.how, self.runs = engine, how, count()
        self.model: Any = engine.model

    def generate(self, request: Request) -> Generator[Event]:
        if self.how == "raises" and request.to is Modality.AUDIO:
            raise ValueError("no voice")
        number = next(self.runs)
        for event in self.engine.generate(request):
            if isinstance(event, Completed):
                if self.how == "never ends":
                    return
                if self.how == "changes":
                    event = replace(event, answers=tuple(_longer(a, number) for a in event.answers))
            yield event

    def embed(self, items: Sequence[tuple[Part, ...]]) -> np.ndarray:
        return 2 * self.engine.embed(items)


def test_every_way_of_a_whole_checkpoint_works(
    tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "smoke.json"
    wanted = ["--model", str(tiny_checkpoint), "--steps", "2", "--json", str(file)]
    assert main(["smoke", *wanted]) == 0
    said = capsys.readouterr()
    found = json.loads(said.out.splitlines()[-1])
    assert found == json.loads(file.read_text())
    assert found["works"] is True
    assert [w["way"] for w in found["ways"]] == [
        *(f"{a} to {b}" for a in KINDS for b in KINDS),
        "to be found",
    ]
    assert all(w["steps"] >= 2 for w in found["ways"][:-1])
    assert all(0 < w["first_s"] <= w["seconds"] for w in found["ways"][:-1])
    assert said.err.splitlines() == [w["way"] for w in found["ways"]]


def _smoked(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[dict[str, Any], str]:
    """The result and the table."""
    assert main(["smoke", "--steps", "2", "--device", "cpu", *options]) == 0
    *lines, last = capsys.readouterr().out.splitlines()
    return json.loads(last), "\n".join(lines)


def test_what_is_not_tried_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The modalities of a codec that is missing."""
    source, out = coded_models.save("dynin", tmp_path / "source"), tmp_path / "out"
    assert convert(["dynin", str(source), str(out)]) == 0
    capsys.readouterr()
    found, lines = _smoked(capsys, "--model", str(out), "--weights", "int8")
    assert (found["works"], found["weights"]) == (True, "int8")
    assert list(found["not_tried"]) == ["image", "audio", "video"]
    assert [w["way"] for w in found["ways"]] == ["text to text"]
    assert re.search(r"^image +not tried: its picture tokenizer is not here", lines, re.MULTILINE)
    assert re.search(r"^audio +not tried: its speech codec is a program", lines, re.MULTILINE)
    found, lines = _smoked(capsys, "--model", str(out), "--speech-codec", CODEC)
    assert list(found["not_tried"]) == ["image", "video"]
    assert [w["way"] for w in found["ways"]] == ["text to text", "text to audio", "audio to text"]


@pytest.mark.parametrize("wrong", [["--weights", "int3"], ["--speech-codec", CODEC]])
def test_weights_and_codecs_that_fit_nothing_are_one_sentence(
    wrong: list[str], tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["smoke", "--model", str(tiny_checkpoint), *wrong]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("error: ")


@pytest.mark.parametrize(
    ("how", "says"),
    [("changes", "the same request gave another answer"), ("never ends", "without an answer")],
)
def test_what_is_broken_everywhere_is_said(tiny_engine: Engine, how: str, says: str) -> None:
    *tried, found = smoke(Broken(tiny_engine, how), QUICK, lambda _: None)
    assert all(says in t.trouble for t in tried)
    assert found.trouble == "its vector has the length 2.000, not 1"
    assert all(says in line for line in table(tried).splitlines()[1:])


def test_one_broken_way_leaves_the_others(tiny_engine: Engine) -> None:
    tried = smoke(Broken(tiny_engine, "raises"), QUICK, lambda _: None)
    broken = {t.way for t in tried if not t.works}
    assert broken == {*(f"{kind} to audio" for kind in KINDS), "to be found"}
    assert json.loads(to_json(tried, "x"))["works"] is False


def test_a_folder_without_a_checkpoint_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["smoke", "--model", str(tmp_path / "none")]) == 2
    assert "there is no checkpoint" in capsys.readouterr().err
