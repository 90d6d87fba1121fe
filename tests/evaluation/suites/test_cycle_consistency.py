"""There and back: with engines that keep everything, that lose something, and by hand."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest

import evaluation.__main__ as command
from engine.api.events import Answer
from engine.api.request import Request
from engine.api.sampling import Sampling
from evaluation.judges import video_judge
from evaluation.judges.image_parser import Parsed, parse
from evaluation.requirements import Requirement
from evaluation.suites import cycle_consistency, scenes, video
from evaluation.suites.cell_item import Material
from evaluation.suites.cycle_consistency import DESCRIBE, TELL, Loop
from flow.modality import Modality
from tests.evaluation.perfect import TOKENS, PixelTokenizer, said, shown
from tests.evaluation.talker import PACK, SampleTokenizer, Talker, heard, perfect, spoken
from world.image.rendering import render
from world.image.scenes import Background, Family, Item, Scene
from world.text.captions import full_caption
from world.video.captions import full_video_caption
from world.video.motion import FRAMES, render_video

SAMPLING = Sampling(steps=4)
MATERIAL = Material(6, 1, PACK, heard)
PICTURES, SPEECH, VIDEO = (names for names, _, _ in cycle_consistency.WAYS)
HEART = Scene(
    Family.SINGLE_OBJECT, Background("plain", ("white",)), (Item("heart", "red", "", 2, 2),)
)
Answers = tuple[Answer, ...]
Rule = Callable[[Request], Answers]


@cache
def parsed(pixels: bytes) -> Parsed:
    return parse(np.frombuffer(pixels, np.uint8).reshape(128, 128, 3))


@pytest.fixture(autouse=True)
def parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same pixels are read once in all tests."""
    for module in (video_judge, cycle_consistency):
        monkeypatch.setattr(module, "parse", lambda picture: parsed(picture.tobytes()))


@cache
def known() -> tuple[dict[bytes, Scene], dict[str, Scene]]:
    """Scenes under their pictures, and under their captions and wishes."""
    wished = scenes.plan(6, 1)
    seen = {render(w.scene).tobytes(): w.scene for w in wished}
    words = {full_caption(w.scene): w.scene for w in wished}
    return seen, words | {w.prompt: w.scene for w in wished}


def artist(request: Request) -> Answers:
    """Describes and draws without a mistake."""
    seen, words = known()
    *media, text = request.conversation.turns[0].parts
    if media:
        assert text.text == DESCRIBE
        assert media[0].image is not None
        return said(full_caption(seen[media[0].image.tobytes()]))
    return shown(words[str(text.text)])


def engine(rule: Rule, *, sound: bool = False, films: bool = False) -> Talker:
    media = (Modality.VIDEO,) if films else ()
    config = SimpleNamespace(video_frames=FRAMES if films else 0, media=media)
    model = SimpleNamespace(config=config, vision=PixelTokenizer(), audio=SampleTokenizer())
    return Talker(rule, max_audio_s=8.0 if sound else 0.0, model=model)


def shares(ways: cycle_consistency.Ways, names: tuple[str, str]) -> list[dict[str, float]]:
    """The figures of each way without its name and its interval."""
    found = [
        cycle_consistency.figures(name, loops) for name, loops in zip(names, ways, strict=True)
    ]
    return [
        {k.removeprefix(n).lstrip("_"): v for k, v in f.items() if not k.endswith(("low", "high"))}
        for n, f in zip(names, found, strict=True)
    ]


def test_figures_by_hand() -> None:
    a, b, c, d, wrong = (("thing", x) for x in "abcdx")
    read = frozenset({a})
    one = Loop(frozenset({a, b, c, d}), frozenset({a, b, wrong}), frozenset({b, d}), read)
    two = Loop(frozenset({a, b}), frozenset({a, b}), frozenset({a, b}), read)
    found = cycle_consistency.figures("way", [one, two])
    assert found["way"] == pytest.approx(3 / 4)
    assert (found["way_first"], found["way_second"]) == (pytest.approx(4 / 6), pytest.approx(4 / 6))
    assert found["way_low"] <= found["way"] <= found["way_high"]
    none = cycle_consistency.figures("way", [replace(two, first=frozenset({wrong}))])
    assert (none["way"], none["way_first"], none["way_second"]) == (0, 0, 1)


def test_pictures_that_are_kept() -> None:
    ways = cycle_consistency.pictures(engine(artist), MATERIAL, SAMPLING)
    for found in shares(ways, PICTURES):
        assert found == {"": 1, "first": 1, "second": 1}


def test_an_engine_that_always_draws_the_same() -> None:
    """Perfect descriptions: every loss is one of drawing."""
    same = scenes.plan(6, 1)[0].scene

    def rule(request: Request) -> Answers:
        return shown(same) if request.to is Modality.IMAGE else artist(request)

    there, back = shares(cycle_consistency.pictures(engine(rule), MATERIAL, SAMPLING), PICTURES)
    assert there["first"] == 1
    assert there[""] == there["second"] < 0.5
    assert back["first"] < 0.5
    assert back[""] == 1


def test_an_engine_that_says_nothing() -> None:
    def rule(request: Request) -> Answers:
        return shown(HEART) if request.to is Modality.IMAGE else said("")

    there, back = shares(cycle_consistency.pictures(engine(rule), MATERIAL, SAMPLING), PICTURES)
    assert there[""] == there["first"] == back[""] == back["second"] == 0


def test_speech_that_is_kept_and_speech_that_is_not() -> None:
    right = engine(perfect(), sound=True)
    for found in shares(cycle_consistency.speech(right, MATERIAL, SAMPLING), SPEECH):
        assert found == {"": 1, "first": 1, "second": 1}

    def mumbles(request: Request) -> Answers:
        return spoken("mumble") if request.to is Modality.AUDIO else perfect()(request)

    there, back = shares(
        cycle_consistency.speech(engine(mumbles, sound=True), MATERIAL, SAMPLING), SPEECH
    )
    assert (there["first"], there[""], back["first"]) == (1, 0, 0)


def test_a_silent_engine_has_nothing_to_write_down() -> None:
    def silent(request: Request) -> Answers:
        if request.to is Modality.AUDIO:
            return (Answer(Modality.AUDIO, TOKENS[:0], audio=np.zeros(0, np.float32)),)
        return perfect()(request)

    there, back = shares(
        cycle_consistency.speech(engine(silent, sound=True), MATERIAL, SAMPLING), SPEECH
    )
    assert there[""] == back[""] == back["second"] == 0


def test_words_count_in_their_order() -> None:
    assert cycle_consistency.kept_words("a red heart", "the red, red heart!") == {
        ("red", "1"), ("heart", "2"),
    }  # fmt: skip
    assert cycle_consistency.kept_words("two dogs", "2 dogs") == {("2", "0"), ("dogs", "1")}
    assert cycle_consistency.kept_words("a dog", "") == frozenset()


def test_films_that_are_kept_and_films_that_stand_still() -> None:
    wished = [w.film for w in video.plan(2, 1)]
    frames = {full_video_caption(f): render_video(f) for f in wished}
    captions = {shot.tobytes(): words for words, shot in frames.items()}

    def films(still: bool) -> Rule:
        def rule(request: Request) -> Answers:
            *media, text = request.conversation.turns[0].parts
            if media:
                assert text.text == TELL
                assert media[0].video is not None
                return said(captions.get(media[0].video.tobytes(), ""))
            shot = frames[str(text.text)]
            shot = np.repeat(shot[:1], FRAMES, 0) if still else shot
            return (Answer(Modality.VIDEO, TOKENS, video=shot),)

        return rule

    material = replace(MATERIAL, num=2)
    kept = cycle_consistency.films(engine(films(False), films=True), material, SAMPLING)
    for found in shares(kept, VIDEO):
        assert found == {"": 1, "first": 1, "second": 1}
    lost = cycle_consistency.films(engine(films(True), films=True), material, SAMPLING)
    there, back = shares(lost, VIDEO)
    assert there["first"] == 1
    assert 0 < there[""] < 1
    assert back[""] == 0


def test_from_the_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command.Engine, "load", lambda *_, **__: engine(artist))
    assert command.main(["symmetric", "--num", "6", "--seed", "1", "--steps", "3"]) == 0
    printed = capsys.readouterr().out.splitlines()
    values = json.loads(printed[-1])
    assert values["metrics"]["agreement"] == 1
    assert values["metrics"]["describe_then_draw"] == values["judge"]["describe_then_draw"] == 1
    assert values["left_out"] == {
        **dict.fromkeys(SPEECH, f"not trained: {Requirement.SOUND}"),
        **dict.fromkeys(VIDEO, f"not trained: {Requirement.VIDEO}"),
    }
    assert any(line.startswith("watch_then_act") and "not trained" in line for line in printed)
    assert command.main(["symmetric", "--num", "7"]) == 2
    assert "multiple of 6" in capsys.readouterr().err


def test_without_a_listener_there_is_no_figure_of_speech() -> None:
    talker = engine(artist, sound=True)
    measured = cycle_consistency.evaluate(talker, replace(MATERIAL, listen=None), SAMPLING)
    assert measured.left_out["listen_then_speak"].startswith("no judge: ")
    assert "watch_then_act" in measured.left_out
    assert set(PICTURES) < set(measured.metrics)
    assert not {*SPEECH, *VIDEO} & set(measured.metrics)
