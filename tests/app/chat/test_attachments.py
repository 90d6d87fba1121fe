"""A message holds something to see and something to hear, whatever order they came in; what is not
read together is one sentence, and every way through a conversation keeps both."""

from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image

from app.capabilities import Capabilities
from app.chat import history as chat_history
from app.chat.attachments import MOST, read_message
from app.chat.save_load import from_text, to_text
from app.forms.example_prompts import ABOUT_A_PICTURE
from app.forms.parse import InputError
from engine.api.conversation import Part
from engine.api.request import Modality, Request
from engine.media.audio import wav_bytes
from engine.media.images import mp4_bytes
from tests.fake_engine import FakeEngine
from tests.fake_scenes import film

PICTURE = Part(image=np.zeros((16, 16, 3), np.uint8))
SOUND = Part(audio=(0.1 * np.sin(np.arange(8000) / 9)).astype(np.float32))
QUESTION = "is the animal that you hear in the picture?"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("given")
    Image.new("RGB", (16, 16), "red").save(folder / "picture.png")
    assert SOUND.audio is not None
    (folder / "sound.wav").write_bytes(wav_bytes(SOUND.audio))
    (folder / "film.mp4").write_bytes(mp4_bytes(film("a red car", 0), 4, ""))
    return {file.stem: str(file) for file in folder.iterdir()}


def kinds(parts: Sequence[Part]) -> list[str]:
    return [part.modality.value for part in parts]


@pytest.mark.parametrize("seen", ["picture", "film"])
def test_what_is_seen_comes_before_what_is_heard(files: dict[str, str], seen: str) -> None:
    for order in ((seen, "sound"), ("sound", seen)):
        message = {"text": QUESTION, "files": [files[name] for name in order]}
        text, parts = read_message(message)
        assert text == QUESTION
        assert kinds(parts) == ["image" if seen == "picture" else "video", "audio"]


def test_a_question_that_is_spoken_needs_no_words(files: dict[str, str]) -> None:
    text, parts = read_message({"text": "", "files": [files["picture"], files["sound"]]})
    assert text == ""
    assert Request(chat_history.conversation(chat_history.with_message((), text, *parts))).listens
    text, _ = read_message({"text": "", "files": [files["picture"]]})
    assert text == ABOUT_A_PICTURE


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (("picture", "picture"), "one picture or one film"),
        (("picture", "film"), "one picture or one film"),
        (("sound", "sound"), "holds one sound"),
        (("picture", "sound", "film"), f"two files.* not {MOST + 1}"),
    ],
)
def test_too_many_files_are_one_sentence(
    files: dict[str, str], names: tuple[str, ...], says: str
) -> None:
    with pytest.raises(InputError, match=says) as refused:
        read_message({"text": QUESTION, "files": [files[name] for name in names]})
    assert refused.value.control == "prompt"


def test_a_checkpoint_is_given_what_it_reads_together(files: dict[str, str]) -> None:
    both = {"text": QUESTION, "files": [files["picture"], files["sound"]]}
    with pytest.raises(InputError, match="does not hear"):
        read_message(both, hears=False)
    with pytest.raises(InputError, match="not about both"):
        read_message(both, together=False)
    spoken, _ = read_message({**both, "text": " "}, together=False)
    assert spoken == "", "its words are written down first, and are about the picture alone"
    info = FakeEngine().info()
    assert Capabilities.of(info).joins_media
    apart = {**info, "config": {"dialogue": {"tasks": {"sees": "x"}}}}
    assert not Capabilities.of(apart).joins_media


def _exchange() -> chat_history.History:
    asked = chat_history.with_message((), QUESTION, PICTURE, SOUND)
    return chat_history.with_turn(asked, "assistant", (Part(text="yes"),))


def test_the_bubble_shows_both() -> None:
    assert [next(iter(shown)) for shown in _exchange()[0].shown] == ["image", "sound", "text"]


def test_both_stay_when_a_conversation_is_saved_edited_and_answered_again() -> None:
    history = _exchange()
    wanted = ["image", "audio", "text"]
    assert kinds(from_text(to_text(history))[0].parts) == wanted
    edited = chat_history.with_edit(history, history[0].id, "which animal?")
    assert (kinds(edited[0].parts), edited[0].words) == (wanted, "which animal?")
    assert chat_history.without_last_answer(history) == history[:1]


def test_an_edited_question_that_was_spoken_stays_behind_its_picture() -> None:
    said = Part(text="is it a dock?", audio=SOUND.audio)
    history = chat_history.with_turn((), "user", (PICTURE, said))
    (edited,) = chat_history.with_edit(history, history[0].id, "is it a dog?")
    assert [p.modality for p in edited.parts] == [Modality.IMAGE, Modality.TEXT]
    assert edited.words == "is it a dog?"
    assert edited.parts[1].audio is SOUND.audio
