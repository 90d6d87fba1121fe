"""Sentences put together from two clips: what is said in them, and what is never said."""

import numpy as np
import pytest

from model.tokenizers.text import TextTokenizer
from training.checkpoints.text_metric import training_texts
from training.data.speech.encoded_clip import EncodedClip
from training.data.speech.forced_alignment import LETTERS, spelled
from training.data.speech.spliced_sentences import SentenceSplicer, splice, states_held_out_pair
from world.concepts import CONCEPTS, OBJECT_COLOURS, held_out
from world.text.sentences import transcript


@pytest.fixture(scope="module")
def tokenizer() -> TextTokenizer:
    return TextTokenizer.train(training_texts(50), 320)


def _clip(sentence: str, tokenizer: TextTokenizer, number: int) -> EncodedClip:
    """Two positions of silence, then each letter at two positions and each space at one."""
    places = [[i] * 2 if letter != " " else [-1] for i, letter in enumerate(transcript(sentence))]
    path = np.array([-1, -1, *(i for place in places for i in place), -1])
    codes = np.stack([np.full(len(path), number), np.arange(len(path))], 1).astype(np.uint16)
    return EncodedClip(sentence, "voice", codes, spelled(sentence, path, tokenizer), path)


def _read(clip: EncodedClip) -> str:
    """Its letters, each where it changes."""
    assert clip.said is not None
    letters = [LETTERS[i - 1] if i else " " for i in clip.said[:, 1]]
    return "".join(letters[::2])


def test_a_splice_says_the_beginning_of_one_and_the_end_of_the_other(
    tokenizer: TextTokenizer,
) -> None:
    first, second = _clip("a red dog.", tokenizer, 1), _clip("no, two big cups", tokenizer, 2)
    found = splice(first, 2, second, 2, tokenizer)
    assert found is not None
    assert found.sentence == "a red big cups"
    assert set(found.codes[:, 0]) == {1, 2}
    cut = int((found.codes[:, 0] == 1).sum())
    assert (np.diff(found.codes[:, 0].astype(int)) >= 0).all(), "one, and then the other"
    assert np.array_equal(found.codes[:cut], first.codes[:cut])
    assert found.path is not None and found.said is not None
    text = transcript(found.sentence)
    said = [text[i] for i in found.path if i >= 0]
    assert "".join(said[::2]) == text.replace(" ", "")
    assert np.array_equal(found.said, spelled(found.sentence, found.path, tokenizer))


def test_a_cut_at_a_word_that_is_not_heard_is_none(tokenizer: TextTokenizer) -> None:
    clip = _clip("a red dog", tokenizer, 1)
    assert clip.path is not None
    silent = EncodedClip(
        clip.sentence, clip.voice, clip.codes, clip.said, np.where(clip.path >= 6, -1, clip.path)
    )
    assert splice(silent, 2, clip, 1, tokenizer) is None
    assert splice(silent, 1, clip, 1, tokenizer) is not None


def test_drawn_ones_are_new_short_enough_and_say_nothing_held_out(
    tokenizer: TextTokenizer,
) -> None:
    colour, concept = next(
        (c, k.name) for c in OBJECT_COLOURS for k in CONCEPTS if held_out(c, k.name)
    )
    sentences = [f"a {colour} lamp is here", f"here is a {concept} now", "hello there my friend"]
    clips = [_clip(s, tokenizer, i) for i, s in enumerate(sentences)]
    splicer = SentenceSplicer(clips, tokenizer, 40)
    rng = np.random.default_rng(0)
    drawn = [splicer.draw(rng) for _ in range(200)]
    found = {clip.sentence for clip in drawn if clip is not None}
    assert len(found) > 20
    assert all(len(clip.codes) <= 40 for clip in drawn if clip is not None)
    assert not any(colour in words.split() and concept in words.split() for words in found)
    assert any(colour in words.split() for words in found)
    assert states_held_out_pair(f"there is a {concept}, and it is {colour}!")


def test_without_known_letters_there_is_nothing_to_cut(tokenizer: TextTokenizer) -> None:
    plain = EncodedClip("two words", "voice", np.zeros((9, 2), np.uint16))
    assert SentenceSplicer([plain, plain], tokenizer, 40).draw(np.random.default_rng(0)) is None
