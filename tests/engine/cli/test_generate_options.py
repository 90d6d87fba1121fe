"""No option of the command line is ignored silently: it is used, or a note says that it is not, or
a sentence refuses it."""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.__main__ import main
from engine.api.conversation import Conversation
from engine.api.events import Completed
from engine.api.request import Inpainting, Request
from engine.api.sampling import SAMPLERS, Sampling
from engine.cli.generate_options import (
    OF_A_SAMPLER,
    add_options,
    samplers_that_read,
    unused,
)
from engine.cli.out_file import ENDINGS, fits
from engine.engine import Engine
from engine.inspection.trace_file import read_trace
from engine.media.images import png_bytes, read_picture
from flow.modality import Modality

PICTURE = np.random.default_rng(0).integers(0, 255, (48, 48, 3)).astype(np.uint8)
Run = Callable[..., tuple[int, str]]
VALUES = {
    "transition": "euler", "grid": "uniform", "c": "1", "a": "1", "patience": "2",
    "remasking": "random", "mask_schedule": "linear", "threshold": "0.5", "steps": "2",
    "cache_share": "0.5", "prompt_every": "1", "guidance_from": "0.1", "guidance_until": "0.9",
    "guidance_every": "2", "keep_threshold": "0.9",
}  # fmt: skip


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "in.png").write_bytes(png_bytes(PICTURE))
    return tmp_path


@pytest.fixture
def run(tiny_checkpoint: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """What a command line says on stderr, its bars left out, and its exit code."""

    def ask(*arguments: str) -> tuple[int, str]:
        common = ["generate", "--checkpoint", str(tiny_checkpoint), "--device", "cpu"]
        code = main([*common, *(a.format(place) for a in arguments)])
        told = capsys.readouterr().err.replace("\r", "\n").splitlines()
        begins = ("note: ", "warning: ", "error: ", "the model made")
        return code, "\n".join(line for line in told if line.startswith(begins))

    return ask


DRAW = ("--prompt", "a red heart", "--to", "image", "--out", "{}/x.png")
EDIT = (*DRAW, "--image", "{}/in.png")


def _notes(kind: str, to: str | None, *said: str) -> list[str]:
    parser = argparse.ArgumentParser()
    add_options(parser)
    request = Request(Conversation.ask("a"), None if to is None else Modality(to))
    complete = Sampling(sampler=kind, guidance_scale=2.0)
    to_be = () if to is None else ("--to", to)
    return list(unused(parser.parse_args(["--prompt", "a", *to_be, *said]), request, complete))


@pytest.mark.parametrize("kind", list(SAMPLERS))
@pytest.mark.parametrize("name", OF_A_SAMPLER)
def test_an_option_is_used_by_the_sampler_or_noted(kind: str, name: str) -> None:
    option = f"--{name.replace('_', '-')}"
    said = [option] if name == "stop_at_end" else [option, VALUES[name]]
    beside = ["--cache-share", "0.5"] if name == "prompt_every" else []
    notes = _notes(kind, "text" if name == "stop_at_end" else "image", *said, *beside)
    noted = any(note.startswith(f"{option} is for") for note in notes)
    assert noted == (kind not in samplers_that_read(name))


def test_what_is_not_said_is_not_noted() -> None:
    for kind in SAMPLERS:
        for to in (None, *map(str, Modality)):
            assert _notes(kind, to) == []


@pytest.mark.parametrize(
    ("to", "said", "option"),
    [
        ("text", ["--guidance", "2"], "--guidance"),
        ("image", ["--watch", "3"], "--watch"),
        ("image", ["--think"], "--think"),
        ("video", ["--aloud"], "--aloud"),
        ("image", ["--style", "calm"], "--style"),
        ("text", ["--out", "x.png"], "--out"),
        ("image", ["--prompt-every", "2"], "--prompt-every"),
        ("image", ["--hold", "0.9"], "--keep-threshold"),
        ("text", ["--keep-threshold", "0.9"], "--keep-threshold"),
    ],
)
def test_an_option_is_for_its_kind_of_answer(to: str, said: list[str], option: str) -> None:
    (note,) = _notes("flow", to, *said)
    assert note.startswith(f"{option} ")


@pytest.mark.parametrize("sampler", list(SAMPLERS))
@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (["--remasking", "bogus"], "unknown remasking 'bogus': choose one of low_confidence"),
        (["--mask-schedule", "bogus"], "unknown mask schedule 'bogus': choose one of cosine"),
        (["--threshold", "5"], "the threshold must be between 0 and 1, not 5"),
        (["--transition", "bogus"], "unknown transition 'bogus'"),
        (["--patience", "0"], "patience must be at least 1 step"),
    ],
)
def test_a_bad_value_is_refused_whatever_the_sampler(
    run: Run, sampler: str, said: list[str], sentence: str
) -> None:
    code, told = run(*DRAW, "--sampler", sampler, *said)
    assert code == 2
    assert sentence in told


def test_a_weakened_picture_without_a_mask_changes_as_on_the_page(
    run: Run, place: Path, tiny_engine: Engine
) -> None:
    more = ("--steps", "2", "--trace", "{}/run.npz")
    assert run(*EDIT, "--strength", "0.6", "--marks", "off", *more) == (0, "")
    everywhere = np.ones(PICTURE.shape[:2], bool)
    asked = Request(
        Conversation.ask("a red heart"),
        Modality.IMAGE,
        Sampling(steps=2),
        inpainting=Inpainting(PICTURE, everywhere, 0.6),
    )
    *_, done = tiny_engine.generate(asked)
    assert isinstance(done, Completed)
    assert done.answers[0].image is not None
    assert np.array_equal(read_picture(place / "x.png"), done.answers[0].image)
    assert run(*EDIT, "--strength", "1", *more)[0] == 0
    whole = read_trace(place / "run.npz").request
    assert whole.inpainting is None
    assert [p.modality for p in whole.conversation.turns[-1].parts] == ["image", "text"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((*DRAW, "--strength", "0.5"), "--strength goes with a picture: add --image FILE"),
        ((*EDIT, "--to", "text", "--strength", "0.5"), "add --image FILE and --to image"),
        ((*EDIT, "--strength", "5"), "strength must be above 0 and at most 1, not 5"),
        ((*DRAW, "--strength", "0"), "strength must be above 0 and at most 1, not 0"),
        ((*EDIT, "--strength", "nan"), "strength must be above 0"),
        (("--image", "{}/in.png", "--to", "text"), "a picture needs a question: --prompt WORDS"),
        (("--video", "{}/in.gif"), "a film needs a question: --prompt WORDS"),
        (("--image", "{}/in.png", "--to", "video"), "say what to make of the picture"),
        ((*DRAW, "--out", "{}/f.xyz"), "f.xyz is in no format that is written here: a picture "
         "ends with .png, .jpg, .jpeg or .webp"),
        ((*DRAW, "--to", "video", "--out", "{}/e.jpg"), "a film ends with .mp4, .gif or .webp"),
        ((*DRAW, "--to", "audio"), "a sound ends with .wav"),
        (("--prompt", "a", "--aloud", "--out", "{}/x.png"), "a sound ends with .wav"),
        (("--prompt", "a", "--out", "{}/x"), "x is in no format"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_one_sentence(
    run: Run, arguments: tuple[str, ...], sentence: str
) -> None:
    code, told = run(*arguments)
    assert code == 2
    assert sentence in told


@pytest.mark.parametrize("ending", ENDINGS[Modality.IMAGE])
def test_the_name_of_a_picture_says_its_format(run: Run, place: Path, ending: str) -> None:
    out = place / f"x{ending}"
    assert run(*DRAW, "--steps", "2", "--out", str(out)) == (0, "")
    with Image.open(out) as picture:
        assert picture.format == {".jpg": "JPEG"}.get(ending, ending[1:].upper())
        assert picture.size == (32, 32)
    assert fits(Path(ending.upper()).with_name(f"X{ending.upper()}"), Modality.IMAGE)


def test_an_answer_of_another_kind_than_the_name_is_told_and_not_written(
    run: Run, place: Path
) -> None:
    """An answer in words leaves no file."""
    code, told = run("--prompt", "what is this?", "--out", "{}/x.wav", "--steps", "2")
    assert code == 0
    assert ("nothing was written" in told) or ("give --out" in told)
    assert not (place / "x.wav").exists() or (place / "x.wav").read_bytes()[:4] == b"RIFF"


def test_replacing_a_value_of_the_settings_is_checked_too() -> None:
    with pytest.raises(ValueError, match="unknown remasking 'first'"):
        replace(Sampling(), remasking="first")
