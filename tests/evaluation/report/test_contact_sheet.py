"""The contact sheet: all wishes of a seed in order, what was given and made, and verdicts."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import evaluation.__main__ as command
from engine.api.events import Answer
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.media.images import note_in, read_picture
from evaluation.judges import video_judge
from evaluation.report import contact_sheet
from evaluation.suites import cells_image, cells_video, editing, video
from evaluation.suites.cell_item import Material
from evaluation.suites.scenes import FAIL_RGB, PASS_RGB, plan
from flow.modality import Modality
from tests.evaluation.perfect import TOKENS, PixelTokenizer, parsed, said, shown
from tests.evaluation.talker import PACK, Talker, heard, perfect, spoken
from world.image.rendering import render
from world.video.motion import render_video

Answers = tuple[Answer, ...]


@pytest.fixture(autouse=True)
def parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same pixels are read once in all tests."""
    for module in (video_judge, cells_video, cells_image):
        monkeypatch.setattr(module, "parse", lambda picture: parsed(picture.tobytes()))


def engine(script: list[Answers], *, films: int = 8) -> Talker:
    answers = iter(script)
    media = (Modality.IMAGE, Modality.VIDEO)
    config = SimpleNamespace(video_frames=films, media=media)
    model = SimpleNamespace(vision=PixelTokenizer(), config=config)

    def next_answer(_: Request) -> Answers:
        return next(answers)

    return Talker(next_answer, 0.0, model=model)


def alone(seed: int) -> Material:
    """One wish without sound."""
    return Material(1, seed, None, None)


def pixel(page: np.ndarray, x: int, y: int) -> tuple[int, ...]:
    return tuple(int(v) for v in page[y, x])


def test_pictures_in_the_order_of_their_seeds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wished = plan(6, 5)
    talker = engine([shown(wished[0].scene), shown(wished[0].scene)])
    monkeypatch.setattr(command.Engine, "load", lambda *_, **__: talker)
    out = tmp_path / "sheet.png"
    options = ["--task", "image", "--num", "2", "--seed", "5", "--steps", "3", "--out", str(out)]
    assert command.main(["sheet", *options]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {
        "task": "image",
        "checkpoint": "assets/nano",
        "weights": "auto",
        "seed": 5,
        "num": 2,
        "right": 1,
    }
    assert json.loads(note_in(out) or "") == told
    asked = [(r.conversation.turns[-1].parts[0].text, r.sampling.seed) for r in talker.asked]
    assert asked == [(w.prompt, 5 + i) for i, w in enumerate(wished[:2])]
    page = read_picture(out)
    assert page.shape == (136 + contact_sheet.LABEL_PX, 2 * 136, 3)
    assert (pixel(page, 1, 1), pixel(page, 137, 1)) == (PASS_RGB, FAIL_RGB)
    assert np.array_equal(page[4:132, 4:132], render(wished[0].scene))
    assert (page[137:, :136] < 100).any()


def test_a_change_is_shown_beside_its_picture() -> None:
    edits = editing.plan(1, 2)
    (tile,) = contact_sheet.generate_tiles(
        engine([shown(edits[0].after)]), "edit", alone(2), Sampling(seed=2)
    )
    before, after = render(edits[0].before), render(edits[0].after)
    assert np.array_equal(tile.strip, np.concatenate([before, after], 1))
    assert tile.right is True, "it can be written as JSON"
    assert tile.words == f"2: {edits[0].words}"


def test_a_change_that_was_not_made_is_wrong() -> None:
    edits = editing.plan(1, 2)
    (tile,) = contact_sheet.generate_tiles(
        engine([shown(edits[0].before)]), "edit", alone(2), Sampling(seed=2)
    )
    assert tile.right is False, "it can be written as JSON"


@pytest.mark.parametrize(("task", "frames"), [("film", 8), ("next", 9)])
def test_a_film_is_a_strip_of_frames(task: str, frames: int) -> None:
    motions = cells_video.GOES_ON if task == "next" else cells_video.Motion
    film = render_video(video.plan(1, 1, tuple(motions))[0].film)
    made = (Answer(Modality.VIDEO, TOKENS, video=film),)
    (tile,) = contact_sheet.generate_tiles(engine([made]), task, alone(1), Sampling(seed=1))
    assert tile.strip.shape == (64, frames * 64, 3)
    assert tile.right


def test_an_answer_stands_below_what_it_is_about() -> None:
    talker = Talker(lambda _: said("nothing"), model=engine([]).model)
    (tile,) = contact_sheet.generate_tiles(talker, "describe", alone(1), Sampling(seed=1))
    parts = talker.asked[0].conversation.turns[-1].parts
    (given,) = (p.image for p in parts if p.image is not None)
    assert np.array_equal(tile.strip, given)
    assert "> nothing" in tile.words
    assert not tile.right


def test_words_alone_have_a_bar() -> None:
    talker = Talker(lambda _: said("nothing"), model=engine([]).model)
    (tile,) = contact_sheet.generate_tiles(talker, "answer", alone(1), Sampling(seed=1))
    assert tile.strip.shape == (8, 256, 3)
    assert "> nothing (right: " in tile.words


def test_what_is_said_is_seen_and_heard() -> None:
    talker = Talker(perfect(), model=engine([]).model)
    material = Material(64, 0, PACK, heard)
    tiles = contact_sheet.generate_tiles(talker, "say", material, Sampling())
    assert [t.words for t in tiles] == [
        f"{i}: say {c.sentence} > heard: {c.sentence}" for i, c in enumerate(PACK.own)
    ], "all that there are"
    assert all(t.right and t.strip.shape == (64, 256, 3) for t in tiles)
    mistaken = Talker(lambda _: spoken("another thing"), model=engine([]).model)
    (tile, *_) = contact_sheet.generate_tiles(mistaken, "say", material, Sampling())
    assert not tile.right
    assert tile.words == f"0: say {PACK.own[0].sentence} > heard: another thing"


def test_what_was_said_is_told_where_it_was_not_written_down() -> None:
    talker = Talker(lambda _: said("a song"), model=engine([]).model)
    (tile,) = contact_sheet.generate_tiles(talker, "write", Material(1, 0, PACK, None), Sampling())
    assert tile.words == f"0: > a song (right: {PACK.spoken[0].sentence})"
    assert not tile.right


def test_a_sound_looks_as_long_and_as_high_as_it_is() -> None:
    times = np.arange(int(contact_sheet.SHOWN_S * 16_000 / 2)) / 16_000
    low, high = (np.sin(2 * np.pi * hz * times).astype(np.float32) for hz in (300, 3_000))
    brightest = [
        int(np.argmax(contact_sheet.spectrogram(s)[:, :100].sum((1, 2), np.int64)))
        for s in (low, high)
    ]
    assert brightest[0] > brightest[1], "low bands are at the bottom"
    assert (contact_sheet.spectrogram(low)[:, 140:] < 40).all(), "silence after the end is dark"
    longer = np.concatenate([low, low, low])
    assert contact_sheet.spectrogram(longer).shape == contact_sheet.spectrogram(low).shape
    assert contact_sheet.spectrogram(np.zeros(0, np.float32)).shape == (64, 256, 3)


def test_nobody_to_judge_is_said() -> None:
    talker = Talker(perfect(), model=engine([]).model)
    with pytest.raises(ValueError, match="say: no judge"):
        contact_sheet.generate_tiles(talker, "say", Material(1, 0, PACK, None), Sampling())


@pytest.mark.parametrize("task", ["edit", "film", "next"])
def test_what_was_not_trained_is_refused(task: str) -> None:
    with pytest.raises(ValueError, match=f"{task}: not trained"):
        contact_sheet.generate_tiles(engine([], films=0), task, alone(0), Sampling())


@pytest.mark.parametrize(
    "options", [["--num", "0", "--out", "x.png"], ["--out", "/no/such/folder/x.png"]]
)
def test_a_mistake_gets_one_sentence(
    options: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command.Engine, "load", lambda *_, **__: engine([]))
    assert command.main(["sheet", "--task", "image", *options]) == 2
    assert capsys.readouterr().err.startswith("error: ")
