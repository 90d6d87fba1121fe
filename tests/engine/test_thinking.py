"""Thinking first: the marker before, the thought and the answer apart, and a switch that is off
where the checkpoint does not think."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.api.conversation import Conversation
from engine.api.events import Completed
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from engine.inspection.trace_file import read_trace, trace_bytes
from flow.modality import Modality
from model.loading.checkpoint import save_checkpoint
from model.network.omni import OmniModel
from model.presets import PRESETS
from model.tokenizers.text import END_THINK, EOS, SUGGEST, THINK, TextTokenizer, thought_of

CONFIG = PRESETS["tiny"]
ASKED = Request(Conversation.ask("how many?"), Modality.TEXT, Sampling(steps=2), think=True)


def test_the_prompt_ends_with_the_marker_only_where_it_thinks(tiny_engine: Engine) -> None:
    last = {}
    for think in (False, True):
        segment = tiny_engine.builder.prompt(
            [tiny_engine.builder.spec(replace(ASKED, think=think), [], [], Modality.TEXT)]
        )[-1]
        last[think] = int(segment.tokens[0, -1, 0])
    assert last[True] == THINK
    assert last[False] != THINK


@pytest.mark.parametrize(
    ("ids", "thought", "answer"),
    [
        ([40, 41, END_THINK, 42], [40, 41], [42]),
        ([40, 41], [], [40, 41]),
        ([END_THINK, 42], [], [42]),
        ([40, END_THINK], [40], []),
        ([THINK, 40, END_THINK, 42], [40], [42]),
        ([41, THINK, 40, END_THINK, 42], [40], [41, 42]),
        ([THINK, END_THINK, 42], [], [42]),
        ([THINK, 40, 41], [40, 41], []),
        ([40, END_THINK, 42, THINK], [40], [42, THINK]),
    ],
)
def test_a_thought_ends_at_its_marker(
    ids: list[int], thought: list[int], answer: list[int]
) -> None:
    assert thought_of(ids) == (thought, answer)


def test_the_answer_is_what_stands_behind_the_thought(tiny_engine: Engine) -> None:
    encode = tiny_engine.tokenizer.encode
    ids = [*encode("a dog, a cat"), END_THINK, *encode("two"), SUGGEST, EOS, *encode("no")]
    answer = tiny_engine.codec.answer(np.array(ids)[:, None], Modality.TEXT)
    assert (answer.thought, answer.text, answer.suggest) == ("a dog, a cat", "two", True)
    plain = tiny_engine.codec.answer(np.array([*encode("two"), EOS])[:, None], Modality.TEXT)
    assert (plain.thought, plain.text) == (None, "two")
    assert "".join(tiny_engine.words.shown(np.array(ids)[:, None])).strip() == "a dog, a cat → two"


def test_a_trace_remembers_that_it_thought(tiny_engine: Engine) -> None:
    recorder = tiny_engine.recorder()
    events = list(tiny_engine.generate(ASKED))
    for event in events:
        recorder.see(event)
    assert read_trace(trace_bytes(recorder.trace())).request == ASKED
    assert isinstance(events[-1], Completed)


def test_a_checkpoint_that_does_not_think_says_so(
    tiny_tokenizer: TextTokenizer, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    config = replace(CONFIG, thinks=False)
    model = OmniModel(config, tiny_tokenizer.space(config.media, thinks=False))
    save_checkpoint(tmp_path, model, tiny_tokenizer, {"name": "quick", "concepts": []})
    engine = Engine.load(tmp_path, "cpu")
    assert END_THINK in engine.model.spaces[Modality.TEXT].forbidden
    with pytest.raises(ValueError, match="does not think first: let it answer at once"):
        list(engine.generate(ASKED))
    with pytest.raises(ValueError, match="does not think first"):
        engine.generate_batch([ASKED])
    assert list(engine.generate(replace(ASKED, think=False)))
