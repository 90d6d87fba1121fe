"""Words and sound are on one clock: laws of the times, and of who sees them."""

from dataclasses import asdict, replace

import pytest
import torch
from torch import Tensor

from flow.modality import Modality
from flow.sequence import OmniSequence, Segment, drop_prompt, prompt, response
from model.layers.time_embedding import RESTARTS, TimeEmbedding
from model.loading.config_file import config_from_json
from model.network.omni import OmniModel
from model.presets import PRESETS
from model.tokenizers.text import ASSISTANT, NUM_MARKERS, TextTokenizer

CONFIG = PRESETS["tiny"]
WORDS = CONFIG.text_vocabulary
LASTS = {40: 2.0, 41: 3.0, 42: 5.0}
SAY = 43


@pytest.fixture
def pace() -> TimeEmbedding:
    pace = TimeEmbedding(WORDS, 8)
    for word, lasts in LASTS.items():
        pace.duration[word] = lasts
    pace.duration[SAY] = RESTARTS
    torch.nn.init.normal_(pace.projection.weight)
    return pace


def _words(*ids: int) -> Segment:
    return prompt(Modality.TEXT, torch.tensor(ids)[None, :, None])


def _sound(length: int) -> Tensor:
    return torch.zeros((1, length, CONFIG.audio_space().num_codebooks), dtype=torch.long)


def _times(pace: TimeEmbedding, *segments: Segment) -> list[list[float] | None]:
    return [None if t is None else t[0].tolist() for t in pace.times(OmniSequence(segments))]


def test_each_word_begins_where_the_one_before_ends(pace: TimeEmbedding) -> None:
    assert _times(pace, _words(40, 41, 42, 40)) == [[0, 2, 5, 10]]


@pytest.mark.parametrize("mark", [ASSISTANT, SAY])
def test_the_clock_begins_again_behind_a_marker(pace: TimeEmbedding, mark: int) -> None:
    assert _times(pace, _words(42, 41, mark, 40, 41, 42)) == [[0, 5, 0, 0, 2, 5]]


def test_sound_right_behind_sound_goes_on(pace: TimeEmbedding) -> None:
    begun, answer = prompt(Modality.AUDIO, _sound(3)), response(Modality.AUDIO, _sound(2))
    assert _times(pace, begun, answer) == [[0, 1, 2], [3, 4]]
    assert _times(pace, begun, _words(40), answer) == [[0, 1, 2], [0], [0, 1]]


def test_the_clock_of_an_answer_begins_once(pace: TimeEmbedding) -> None:
    answer = response(Modality.TEXT, torch.tensor([40, ASSISTANT, 42, WORDS])[None, :, None])
    assert _times(pace, answer) == [[0, 2, 2, 7]]


def test_when_a_word_is_said_depends_on_those_before_it_only(pace: TimeEmbedding) -> None:
    ids = torch.tensor([40, 41, 42, 40])[None, :, None]
    before = pace.times(OmniSequence((response(Modality.TEXT, ids),)))[0]
    assert before is not None
    for place in range(4):
        other = ids.clone()
        other[:, place] = 41 if ids[0, place] != 41 else 42
        after = pace.times(OmniSequence((response(Modality.TEXT, other),)))[0]
        assert after is not None
        assert torch.equal(before[:, : place + 1], after[:, : place + 1])
        assert bool((before[:, place + 1 :] != after[:, place + 1 :]).all())


def test_what_does_not_exist_takes_no_time(pace: TimeEmbedding) -> None:
    words = _words(42, 40, 41)
    valid = torch.tensor([[False, True, True]])
    assert _times(pace, replace(words, valid=valid)) == [[0, 0, 2]]
    dropped = drop_prompt(
        OmniSequence((words, _words(ASSISTANT), response(Modality.AUDIO, _sound(2)))),
        torch.tensor([True]),
    )
    assert _times(pace, *dropped.segments)[0] == [0, 0, 0]


def test_nothing_is_timed_where_nothing_sounds(pace: TimeEmbedding) -> None:
    picture = prompt(Modality.IMAGE, torch.zeros((1, 4, 2), dtype=torch.long))
    words = _words(40, 41)
    assert pace(OmniSequence((picture, words))) == [None, None]
    seen, said, heard = pace(OmniSequence((picture, words, prompt(Modality.AUDIO, _sound(2)))))
    assert seen is None
    assert said is not None
    assert heard is not None


def test_equal_times_enter_as_equal_vectors(pace: TimeEmbedding) -> None:
    said, heard = pace(OmniSequence((_words(40, 41, 42), prompt(Modality.AUDIO, _sound(6)))))
    assert said is not None
    assert heard is not None
    assert torch.allclose(said[0], heard[0, [0, 2, 5]], atol=1e-6)


def test_a_checkpoint_from_before_learns_it_without_a_jump(tiny_tokenizer: TextTokenizer) -> None:
    values = asdict(CONFIG)
    del values["time_aligned"]
    old = OmniModel(config_from_json(values), tiny_tokenizer.space())
    assert old.embeddings.pace is None
    new = OmniModel(CONFIG, tiny_tokenizer.space())
    new.load_state_dict(old.state_dict(), strict=False)
    both = OmniSequence((_words(NUM_MARKERS, 40), response(Modality.AUDIO, _sound(3))))
    with torch.inference_mode():
        for a, b in zip(old.features(both), new.features(both), strict=True):
            assert torch.equal(a, b)
