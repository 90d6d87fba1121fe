"""How long the pieces of words take is counted in the clips that say them."""

import numpy as np
import pytest

from model.layers.time_embedding import RESTARTS
from model.presets import PRESETS
from model.tokenizers.text import NUM_MARKERS, PAD, TextTokenizer
from training.checkpoints.text_metric import training_texts
from training.data.speech.clip_codes import durations
from training.data.speech.encoded_clip import EncodedClip
from world.audio.voices import OUTPUT_VOICE
from world.text.sentences import SAY


def test_the_pieces_of_a_sentence_take_as_long_as_its_clips() -> None:
    tokenizer = TextTokenizer.train(training_texts(50), PRESETS["tiny"].text_vocabulary)
    pieces = tokenizer.encode("a dog")
    once = [p for p in pieces if pieces.count(p) == 1]
    path = np.array([PAD, *np.repeat(pieces, 2), PAD])
    said = np.stack([path, path > PAD], -1)
    clip = EncodedClip("a dog.", OUTPUT_VOICE, np.zeros((len(path), 2), np.uint16), said)
    lasts = durations([clip] * 5000, tokenizer)
    assert once
    for piece in once:
        silence_behind = piece == pieces[-1]
        assert lasts[piece] == pytest.approx(2 + silence_behind, abs=0.02)
    assert lasts[-1] == pytest.approx((2 * len(pieces) + 1) / len(pieces))
    unsaid = tokenizer.encode("z")[-1]
    assert lasts[unsaid] == pytest.approx((2 * len(pieces) + 1) / len("adog"))
    say = tokenizer.encode(SAY.format("").strip())[-1]
    assert bool((lasts[:NUM_MARKERS] == RESTARTS).all())
    assert lasts[say] == RESTARTS
