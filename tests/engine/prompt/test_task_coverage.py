"""What was never taught is said of our checkpoints."""

from pathlib import Path

import numpy as np
import pytest

from engine.__main__ import main
from engine.api.conversation import Conversation, Part, Turn
from engine.api.request import Request
from engine.media.images import png_bytes
from engine.prompt.task_coverage import TAUGHT, guesses, is_guess, no_lesson
from flow.modality import Modality
from model.loading.checkpoint import save_checkpoint
from model.network.omni import OmniModel
from model.tokenizers.text import TextTokenizer

OURS: dict[str, object] = {"flow_steps": 100}
CONVERTED: dict[str, object] = {**OURS, "converted": {"qwen2": {}}}
PICTURE = np.full((32, 32, 3), 90, np.uint8)
SOUND = np.random.default_rng(0).normal(0, 0.1, 8000).astype(np.float32)
PICTURED = Conversation.ask("what does it sound like?", image=PICTURE)


def test_everything_is_made_of_words_and_words_of_everything_known() -> None:
    assert TAUGHT[frozenset()] == set(Modality)
    for given in TAUGHT:
        assert no_lesson(given, Modality.TEXT) == ""
    assert no_lesson({Modality.TEXT, Modality.IMAGE}, Modality.AUDIO) == (
        "no lesson has a sound after a picture"
    )
    assert no_lesson({Modality.VIDEO, Modality.AUDIO}, Modality.TEXT)


def test_a_guess_is_told_of_our_checkpoints_alone() -> None:
    request = Request(PICTURED, Modality.AUDIO)
    assert "no lesson has a sound after a picture" in str(guesses(request, OURS))
    assert guesses(request, CONVERTED) is None
    assert guesses(request, {}) is None
    assert guesses(Request(PICTURED), OURS) is None


def test_speech_is_written_down_first_where_nothing_else_is_asked_for() -> None:
    spoken = Conversation.ask("", audio=SOUND)
    assert guesses(Request(spoken), OURS) is None
    assert guesses(Request(spoken, Modality.TEXT), OURS) is None
    assert "nobody wishes for a film" in str(guesses(Request(spoken, Modality.VIDEO), OURS))
    known = spoken.worded("a film of a dog")
    assert guesses(Request(known, Modality.VIDEO), OURS) is None


def test_a_picture_that_the_model_still_sees_counts() -> None:
    earlier = Turn("user", (Part(image=PICTURE), Part(text="what is this?")))
    asked = Turn("user", (Part(text="say hello"),))
    talked = Conversation((earlier, Turn("assistant", (Part(text="a dog"),)), asked))
    assert guesses(Request(talked, Modality.AUDIO), OURS) is not None
    assert guesses(Request(Conversation((asked,)), Modality.AUDIO), OURS) is None


@pytest.mark.parametrize("to", list(Modality))
@pytest.mark.parametrize("kinds", [("image",), ("audio",), ("video",), ("image", "audio")])
def test_a_sentence_that_is_told_is_known_again(to: Modality, kinds: tuple[str, ...]) -> None:
    media = {"image": PICTURE, "audio": SOUND, "video": np.stack([PICTURE] * 8)}
    parts = tuple(Part(**{kind: media[kind]}) for kind in kinds)
    asked = Conversation((Turn("user", (*parts, Part(text="and now?"))),))
    sentence = guesses(Request(asked, to), OURS)
    assert is_guess(sentence) == (sentence is not None)
    assert not is_guess(f"{sentence} And more.")


@pytest.mark.parametrize("facts", [OURS, CONVERTED])
def test_the_command_line_warns_once(
    tiny_model: OmniModel,
    tiny_tokenizer: TextTokenizer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    facts: dict[str, object],
) -> None:
    save_checkpoint(tmp_path / "tiny", tiny_model, tiny_tokenizer, facts)
    (tmp_path / "d.png").write_bytes(png_bytes(PICTURE))
    asked = ["generate", "--checkpoint", str(tmp_path / "tiny"), "--device", "cpu", "--steps", "1"]
    asked += ["--image", str(tmp_path / "d.png"), "--prompt", "what does it sound like?"]
    assert main([*asked, "--to", "text"]) == 0
    assert "warning" not in capsys.readouterr().err
    assert main([*asked, "--to", "audio", "--out", str(tmp_path / "x.wav")]) == 0
    assert capsys.readouterr().err.count("warning: ") == (facts is OURS)
