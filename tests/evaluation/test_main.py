"""The command line: one line of JSON on stdout, the same in the file, a sentence for a mistake."""

import json
from pathlib import Path

import pytest

import evaluation.__main__ as command
from evaluation.suites import scenes
from tests.evaluation.perfect import ScriptedAnswerer, shown


@pytest.fixture
def perfect(monkeypatch: pytest.MonkeyPatch) -> ScriptedAnswerer:
    engine = ScriptedAnswerer([shown(w.scene) for w in scenes.plan(6, seed=5)])
    monkeypatch.setattr(command.Engine, "load", lambda *_, **__: engine)
    return engine


def test_scenes_from_the_command_line(
    perfect: ScriptedAnswerer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, page = tmp_path / "scenes.json", tmp_path / "sheet.png"
    options = ["--num", "6", "--seed", "5", "--json", str(file), "--sheet", str(page)]
    options += [
        "--steps",
        "3",
        "--guidance",
        "2.5",
        "--temperature",
        "0.5",
        "--transition",
        "euler",
    ]
    assert command.main(["scenes", *options, "--checkpoint", "somewhere"]) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    values = json.loads(line)
    assert json.loads(file.read_text()) == values
    assert (values["name"], values["num"], values["seed"]) == ("scenes", 6, 5)
    assert (values["checkpoint"], values["device"]) == ("somewhere", "cpu")
    assert values["metrics"]["overall"] == 1
    assert values["judge"]["true_renders"] == 1
    assert page.read_bytes()[:4] == b"\x89PNG"
    sampling = perfect.asked[0].sampling
    assert (sampling.steps, sampling.guidance_scale, sampling.temperature) == (3, 2.5, 0.5)
    assert (sampling.transition, sampling.seed) == ("euler", 5)


@pytest.mark.usefixtures("perfect")
@pytest.mark.parametrize(
    "options",
    [
        ["scenes", "--num", "5"],
        ["scenes", "--num", "6", "--steps", "0"],
        ["captions", "--num", "0"],
        ["chat", "--num", "2"],
        ["tokenizer", "--num", "0"],
        ["tokenizer", "--num", "1", "--json", "/no/such/folder/x.json"],
    ],
    ids=lambda o: " ".join(o[:3]),
)
def test_a_mistake_gets_one_sentence(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(options) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.strip().splitlines()[-1].startswith("error: ")
    assert "Traceback" not in printed.err


def test_a_missing_checkpoint_gets_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["scenes", "--num", "6", "--checkpoint", str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err.startswith("error: ")
