"""A conversation goes into a file and comes back; what is none is refused with one sentence."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.chat import history as chat_history
from app.chat.history import History
from app.chat.save_load import FORMAT, MAX_TURNS, from_text, read_conversation, to_text
from engine.api.conversation import Conversation, Part
from engine.api.request import Modality, Request
from engine.prompt.task_coverage import guesses

CASES = Path(__file__).parent / "conversations"
RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 255, (16, 16, 3)).astype(np.uint8)
FILM = RNG.integers(0, 255, (8, 16, 16, 3)).astype(np.uint8)
SOUND = np.sin(np.arange(8000) / 9).astype(np.float32) * 0.08
UNTAUGHT = Request(Conversation.ask("and the sound?", image=PICTURE), Modality.AUDIO)
OURS = {"flow_steps": 100}


def _history() -> History:
    history: History = ()
    for parts in (
        (Part(image=PICTURE), Part(text="what is this?")),
        (Part(text="a dog"),),
        (Part(text="hello", audio=SOUND),),
        (Part(text="here you go!"), Part(video=FILM)),
    ):
        history = chat_history.with_turn(history, ("user", "assistant")[len(history) % 2], parts)
    return history


def test_everything_comes_back() -> None:
    before, after = _history(), from_text(to_text(_history()))
    assert len(before) == len(after)
    for one, other in zip(before, after, strict=True):
        assert (one.role, len(one.parts)) == (other.role, len(other.parts))
        for part, found in zip(one.parts, other.parts, strict=True):
            assert part.text == found.text
            for kind in ("image", "video"):
                wanted = getattr(part, kind)
                assert wanted is None or np.array_equal(wanted, getattr(found, kind))
            if part.audio is not None:
                assert found.audio is not None
                assert len(found.audio) == pytest.approx(len(part.audio), abs=2)
                assert np.corrcoef(found.audio[:7000], part.audio[:7000])[0, 1] > 0.98
    assert chat_history.conversation(after).turns[-1].role == "assistant"


def test_a_turn_without_an_answer_is_left_out() -> None:
    history = chat_history.with_open_answer(_history()[:1], "run-1")
    assert len(from_text(to_text(history))) == 1


def test_an_unanswered_exchange_is_left_out_and_the_rest_comes_back() -> None:
    history = chat_history.with_open_answer(
        chat_history.with_message(_history(), "refuse this"), "run-1"
    )
    history = chat_history.with_message(
        chat_history.with_refusal(history, "run-1", "No."), "\\think and now?"
    )
    found = from_text(to_text(history))
    assert [said.role for said in found] == ["user", "assistant"] * 2 + ["user"]
    assert (found[-1].words, found[-1].think) == ("and now?", True)


def test_the_note_of_an_answer_that_was_never_taught_comes_back() -> None:
    question, answer = _history()[:2]
    note = guesses(UNTAUGHT, OURS)
    assert note is not None
    found = from_text(to_text((question, replace(answer, note=note), *_history()[2:])))
    assert [said.note for said in found] == [None, note, None, None]
    turns = chat_history.as_value(found)["turns"]
    assert isinstance(turns, list)
    assert note in turns[1]["note"]
    again = from_text(to_text(found))
    assert [said.note for said in again] == [said.note for said in found]


@pytest.mark.parametrize("note", ["Send your password to me.", "", 7, ["x"], None, {"a": "b"}])
def test_a_note_that_the_page_would_not_write_is_left_out(note: object) -> None:
    answer = {"role": "assistant", "parts": [{"text": "a dog"}], "note": note}
    assert [said.note for said in from_text(_file(turns=[TURN, answer]))] == [None, None]


@pytest.mark.parametrize(("role", "kept"), [("user", False), ("assistant", True)])
def test_only_an_answer_has_such_a_note(role: str, kept: bool) -> None:
    note = guesses(UNTAUGHT, OURS)
    turns = [TURN, {**TURN, "role": "assistant"}]
    noted = [{**turn, "note": note} if turn["role"] == role else turn for turn in turns]
    assert any(said.note == note for said in from_text(_file(turns=noted))) == kept


def _file(**changes: object) -> str:
    plain = json.loads(to_text(_history()))
    return json.dumps({**plain, **changes})


TURN = {"role": "user", "parts": [{"text": "hi"}]}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "it is no JSON"),
        ("[" * 100_000, "it is no JSON"),
        ("[]", "does not say that it is one"),
        ('{"format": "chat"}', "does not say that it is one"),
        (_file(version=2), "version 1 only"),
        (_file(turns=None), "no list of up to 2000 turns"),
        (_file(turns=[TURN] * (MAX_TURNS + 1)), "no list of up to 2000 turns"),
        (_file(turns=[TURN, TURN]), "do not alternate"),
        (_file(turns=[{"role": "system", "parts": [{"text": "x"}]}]), "do not alternate"),
        (_file(turns=["hello"]), "list of 1 to 64 parts"),
        (_file(turns=[{"role": "user", "parts": []}]), "list of 1 to 64 parts"),
        (_file(turns=[{"role": "user", "parts": [{}]}]), "part of a turn is empty"),
        (_file(turns=[{"role": "user", "parts": [7]}]), "part of a turn is none"),
        (_file(turns=[{"role": "user", "parts": [{"text": 7}]}]), "a text in it is none"),
        (_file(turns=[{"role": "user", "parts": [{"text": "x" * 501}]}]), "too long"),
        (_file(turns=[{"role": "user", "parts": [{"picture": "%"}]}]), "not a picture"),
        (_file(turns=[{"role": "user", "parts": [{"picture": "a,%"}]}]), "is broken"),
        (_file(turns=[{"role": "user", "parts": [{"sound": "a,AAAA"}]}]), "not a sound"),
        (_file(turns=[{"role": "user", "parts": [{"film": "x,", "frames": 8}]}]), "not a picture"),
        ("x" * (20 * 2**20 + 1), "at most 20 MB"),
    ],
)
def test_what_is_none_is_one_sentence(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as refused:
        from_text(text)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["bom8", "utf16"])
def test_a_mark_at_the_front_of_the_file_does_no_harm(name: str) -> None:
    read = [read_conversation(CASES / f"{n}.json", 500) for n in ("good", name)]
    words = [[said.words for said in history] for history in read]
    assert words[0] == words[1] != []


def test_half_a_character_is_replaced() -> None:
    history = read_conversation(CASES / "surrogate.json", 500)
    assert "\ufffd" in history[0].words
    history[0].words.encode()


@pytest.mark.parametrize("name", ["bigint", "framestrue"])
def test_odd_values_are_one_sentence(name: str) -> None:
    with pytest.raises(ValueError, match="this is not a conversation of ours") as refused:
        read_conversation(CASES / f"{name}.json", 500)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "answer",
    [
        (Part(text="word " * 120),),
        (Part(audio=np.zeros(20_000, np.float32)),),
        (Part(text="hm", audio=np.zeros(900, np.float32)),),
        (Part(image=np.zeros((2048, 3000, 3), np.uint8)),),
        tuple(Part(text=f"part {number}") for number in range(9)),
    ],
    ids=["600 characters", "a silent one", "a short sound", "a large picture", "nine parts"],
)
def test_what_is_saved_can_be_opened(answer: tuple[Part, ...]) -> None:
    history = chat_history.with_turn((), "user", (Part(text="go on"),))
    history = chat_history.with_turn(history, "assistant", answer)
    found = from_text(to_text(history), longest=100)
    assert [part.text for part in found[1].parts] == [part.text for part in answer]
    assert [part.modality for part in found[1].parts] == [part.modality for part in answer]


def test_a_long_conversation_with_large_media_can_be_opened(tmp_path: Path) -> None:
    """101 exchanges, pictures of a camera, minutes of sound."""
    photo = RNG.integers(0, 255, (60, 80, 3)).repeat(30, 0).repeat(30, 1).astype(np.uint8)
    sound = np.sin(np.arange(120 * 16_000) / 9).astype(np.float32) * 0.08
    history: History = ()
    for number in range(101):
        given = (Part(image=photo),) if number < 3 else ()
        given = (Part(audio=sound),) if number == 3 else given
        history = chat_history.with_turn(history, "user", (*given, Part(text="and this?")))
        history = chat_history.with_turn(history, "assistant", (Part(text="a dog"),))
    file = tmp_path / "kept.json"
    file.write_text(to_text(history))
    assert file.stat().st_size < 4 * 2**20
    found = read_conversation(file, 500)
    assert len(found) == len(history)
    picture, heard = found[0].parts[0].image, found[6].parts[0].audio
    assert picture is not None and max(picture.shape) == 1024
    assert heard is not None and len(heard) == pytest.approx(len(sound), rel=1e-3)


def test_a_small_file_cannot_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.chat.save_load.MAX_UNPACKED_BYTES", 5 * 2**20)
    blank = Part(image=np.zeros((1000, 1000, 3), np.uint8))
    history = chat_history.with_turn((), "user", (blank, blank))
    with pytest.raises(ValueError, match="too large"):
        from_text(to_text(history))
    assert from_text(to_text(chat_history.with_turn((), "user", (blank,))))


def test_the_format_has_a_name() -> None:
    assert json.loads(to_text(()))["format"] == FORMAT


def test_turns_of_two_conversations_are_told_apart() -> None:
    """By their ids, which the page keeps its turns by."""
    one, other = (
        chat_history.with_turn((), "user", (Part(text=text),)) for text in ("hello", "goodbye")
    )
    assert one[0].id != other[0].id
