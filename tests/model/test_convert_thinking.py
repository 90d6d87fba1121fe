"""Dynin-Omni thinks first where the user's last words say so, and what stands between its tokens of
thinking is the thought."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.api.conversation import Conversation, Part, Turn
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from flow.modality import Modality
from model.loading.config_file import config_from_json
from model.tokenizers.text import END_THINK, EOS, THINK
from tests.model.coded_pair import ASSISTANT, USER, WORDS, Pair

ASKED = Request(Conversation.ask(" How many? "), Modality.TEXT, Sampling(steps=2), think=True)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return Pair.dynin(tmp_path_factory.mktemp("dynin"))


def _prompt(pair: Pair, request: Request) -> list[int]:
    words = {pair.exchange.place(i): i for i in range(WORDS)}
    wish = pair.engine.builder.spec(
        request, pair.engine.builder.messages(request.conversation), [], Modality.TEXT
    )
    (span,) = wish.spans
    return [words[i] for i in span.tokens[:, 0].tolist()]


@pytest.mark.parametrize(("think", "mark"), [(True, "think"), (False, "no_think")])
def test_the_last_words_of_the_user_say_whether_to_think(
    pair: Pair, think: bool, mark: str
) -> None:
    """Nothing else changes: the answer itself begins its thought."""
    asked = replace(ASKED, think=think)
    wanted = f"<|startoftext|>{USER}How many? \\{mark}<|eot_id|>{ASSISTANT}"
    assert _prompt(pair, asked) == pair.encoded(wanted)
    earlier = (Turn("user", (Part(text="Hi"),)), Turn("assistant", (Part(text="Hello"),)))
    longer = Conversation((*earlier, *asked.conversation.turns))
    before = f"<|startoftext|>{USER}Hi<|eot_id|>{ASSISTANT}Hello<|eot_id|>"
    wanted = f"{before}{USER}How many? \\{mark}<|eot_id|>{ASSISTANT}"
    assert _prompt(pair, replace(asked, conversation=longer)) == pair.encoded(wanted)


def test_the_thought_is_what_stands_between_its_tokens(pair: Pair) -> None:
    assert [pair.exchange.place(pair.special(n)) for n in ("think", "end_think")] == [
        THINK, END_THINK,
    ]  # fmt: skip
    encode = pair.engine.tokenizer.encode
    ids = [THINK, *encode("a dog, a cat"), END_THINK, *encode("two"), EOS, *encode("no")]
    answer = pair.engine.codec.answer(np.array(ids)[:, None], Modality.TEXT)
    assert (answer.thought, answer.text) == ("a dog, a cat", "two")
    assert "".join(pair.engine.words.shown(np.array(ids)[:, None])) == "a dog, a cat →two"
    endless = pair.engine.codec.answer(np.array(ids[:3])[:, None], Modality.TEXT)
    assert endless.thought and endless.text == ""


def test_it_may_write_both_tokens_and_thinks(pair: Pair) -> None:
    config = pair.engine.model.config
    assert config.thinks and config.opens_thoughts
    assert not {THINK, END_THINK} & set(pair.engine.model.spaces[Modality.TEXT].forbidden)
    assert pair.engine.info()["thinks"] is True
    ((thought,), (at_once,)) = pair.engine.generate_batch([ASKED, replace(ASKED, think=False)])
    assert not np.array_equal(thought.tokens, at_once.tokens)


def test_one_that_was_converted_before_does_not_think(pair: Pair, tmp_path: Path) -> None:
    """Its prompts stay as they were."""
    out = pair.source.parent / "out"
    for file in out.iterdir():
        (tmp_path / file.name).symlink_to(file)
    said = json.loads((out / "config.json").read_text())
    del said["thinks"], said["dialogue"]["tasks"]["thinks"]
    del said["dialogue"]["tasks"]["answers_at_once"]
    assert not config_from_json(said).opens_thoughts
    (tmp_path / "config.json").unlink()
    (tmp_path / "config.json").write_text(json.dumps(said))
    older = replace(pair, engine=Engine.load(tmp_path, "cpu"))
    assert older.engine.info()["thinks"] is False
    assert {THINK, END_THINK} < set(older.engine.model.spaces[Modality.TEXT].forbidden)
    wanted = f"<|startoftext|>{USER}How many?<|eot_id|>{ASSISTANT}"
    assert _prompt(older, replace(ASKED, think=False)) == pair.encoded(wanted)
    with pytest.raises(ValueError, match="does not think first: let it answer at once"):
        list(older.engine.generate(ASKED))
