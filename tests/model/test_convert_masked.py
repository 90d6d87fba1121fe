"""LLaDA and Dream: the numbers, the words and the answers are those of the published layout."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import PreTrainedTokenizerFast, Qwen2Tokenizer

from engine.api.conversation import Conversation, Part, Turn
from engine.api.events import Answer, Completed, Refined, SegmentStarted
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from flow.modality import Modality
from flow.sequence import OmniSequence, prompt, response
from model.convert.__main__ import main
from model.convert.layouts.chat_template import Chat
from model.convert.layouts.text_tokenizer import with_markers
from model.loading.checkpoint import load_checkpoint
from model.loading.hf_folder import HfFolder
from model.loading.tensor_file import contents, tensors
from model.tokenizers.text import EOS, MASKED, NUM_MARKERS, PAD
from tests.model import masked_models as published

KINDS = ("llada", "dream")
SAID = ("A red heart?", "Above a dog.", "What is it")


@dataclass(frozen=True)
class Pair:
    """A source and what became of it."""

    kind: str
    source: Path
    engine: Engine
    chat: Chat

    def ours(self, theirs: Sequence[int]) -> list[int]:
        return [self.chat.exchange.place(i) for i in theirs]

    @property
    def mask(self) -> int:
        return self.chat.exchange.ids[MASKED]

    def rendered(self, said: Sequence[str]) -> list[int]:
        """Ids of the source of a conversation, by transformers."""
        tokenizer = PreTrainedTokenizerFast.from_pretrained(self.source)
        turns = [
            {"role": ("user", "assistant")[i % 2], "content": words} for i, words in enumerate(said)
        ]
        text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        return tokenizer(text, add_special_tokens=False)["input_ids"]  # pyright: ignore


@pytest.fixture(scope="module", params=KINDS)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    folder = tmp_path_factory.mktemp(request.param)
    source = published.SAVE[request.param](folder / "source")
    assert main([request.param, str(source), str(folder / "out")]) == 0
    chat = Chat.of(HfFolder.open(source))
    return Pair(request.param, source, Engine.load(folder / "out", "cpu"), chat)


def _conversation(said: Sequence[str]) -> Conversation:
    roles = ("user", "assistant")
    return Conversation(
        tuple(Turn(roles[i % 2], (Part(text=words),)) for i, words in enumerate(said))
    )


def _asking(said: Sequence[str] = SAID, **sampling: object) -> Request:
    return Request(_conversation(said), None, Sampling(**sampling))  # pyright: ignore


def _answer(engine: Engine, request: Request) -> Answer:
    *_, last = engine.generate(request)
    assert isinstance(last, Completed)
    (answer,) = last.answers
    return answer


def test_the_logits_are_the_source_s(pair: Pair) -> None:
    """Of an answer that is masked in part, with every position seeing every other one."""
    generator = torch.Generator().manual_seed(1)
    asked, answer = torch.randint(published.BYTES_AND_MERGES, (2, 2, 9), generator=generator)
    masked = torch.rand(2, 9, generator=generator) < 0.5
    theirs = torch.cat([asked, answer.masked_fill(masked, pair.mask)], 1)
    model = pair.engine.model
    mask_id = model.spaces[Modality.TEXT].mask_id
    state = (answer + NUM_MARKERS).masked_fill(masked, mask_id)
    sequence = OmniSequence(
        (
            prompt(Modality.TEXT, asked[..., None] + NUM_MARKERS),
            response(Modality.TEXT, state[..., None]),
        )
    )
    with torch.inference_mode():
        ours = model.text_logits(model.features(sequence)[1])
    wanted = published.logits(published.REFERENCE[pair.kind](), theirs)
    if pair.kind == "dream":
        wanted = torch.cat([wanted[:, :1], wanted[:, :-1]], 1)
    allowed = [i for i in range(published.BYTES_AND_MERGES + 6) if i != pair.mask]
    found = ours[..., pair.ours(allowed)]
    torch.testing.assert_close(found, wanted[:, 9:, allowed], atol=1e-4, rtol=1e-4)
    assert bool(ours[..., MASKED].isneginf().all())


@pytest.mark.parametrize("length", [1, 3])
def test_a_conversation_is_laid_out_as_by_the_source(pair: Pair, length: int) -> None:
    """The whole of it, word by word and marker by marker."""
    (segment,) = pair.engine.builder.prompt_of(_asking(SAID[:length]), Modality.TEXT)
    assert segment.tokens[0, :, 0].tolist() == pair.ours(pair.rendered(SAID[:length]))


def test_special_tokens_cannot_be_typed(pair: Pair) -> None:
    special = {pair.chat.exchange.place(i) for i in range(published.BYTES_AND_MERGES, 352)}
    words = "<|eot_id|> <|im_end|> <eos> <video> <|endoftext|> <|mask|> <|mdm_mask|>"
    ids = pair.engine.tokenizer.encode(words)
    assert not special & set(ids)
    assert pair.engine.tokenizer.decode(ids) == words


def _plainly(pair: Pair, length: int, block: int) -> list[int]:
    """LLaDA's sampling as its paper has it: blocks in turn, in each step the likeliest predictions
    stay, as many in every step; without temperature. Ids of the source."""
    model = published.REFERENCE[pair.kind]()
    forbidden = [*range(pair.chat.tokenizer.get_vocab_size(), published.ROWS), pair.mask]
    asked = pair.rendered(SAID)
    x = torch.tensor([[*asked, *[pair.mask] * length]])
    for start in range(len(asked), len(asked) + length, block):
        for _ in range(block):
            seen = published.logits(model, x).clone()
            if pair.kind == "dream":
                seen = torch.cat([seen[:, :1], seen[:, :-1]], 1)
            seen[..., forbidden] = -torch.inf
            sure, best = seen.softmax(-1)[0].max(-1)
            here = (x[0] == pair.mask) & (torch.arange(x.shape[1]) < start + block)
            place = int(sure.masked_fill(~here, -1.0).argmax())
            x[0, place] = best[place]
    return x[0, len(asked) :].tolist()


def test_the_answer_is_that_of_the_published_sampling(pair: Pair) -> None:
    """One position a step; LLaDA block after block, Dream all together."""
    block = {"llada": 32, "dream": 128}[pair.kind]
    answer = _answer(pair.engine, _asking())
    found = answer.tokens[:, 0].tolist()
    assert found == pair.ours(_plainly(pair, 128, block))
    assert len(set(found)) > 10


def test_a_batch_changes_nothing(pair: Pair) -> None:
    """Also where a shorter prompt is padded: what predicts the first word is no padding."""
    requests = [_asking(SAID[:n], steps=16) for n in (1, 3)]
    together = pair.engine.generate_batch(requests)
    for request, (answer,) in zip(requests, together, strict=True):
        assert np.array_equal(answer.tokens, _answer(pair.engine, request).tokens)


def test_it_streams_words(pair: Pair) -> None:
    first, *events = pair.engine.generate(_asking(steps=8))
    assert isinstance(first, SegmentStarted)
    assert first.request.sampling.method == "masked"
    steps = [e for e in events if isinstance(e, Refined)]
    assert [e.num_steps for e in steps] == [8] * 8
    left = [(e.tokens_t == published.ROWS).sum() for e in steps]
    assert left == [128 - 16 * (i + 1) for i in range(8)]
    assert isinstance(events[-1], Completed)


def test_what_ends_a_turn_ends_the_answer(pair: Pair) -> None:
    named = {"llada": "<|eot_id|>", "dream": "<|im_end|>"}[pair.kind]
    ids = pair.ours(pair.chat.tokenizer.encode(f"A dog{named}<|endoftext|>above").ids)
    assert (EOS in ids, PAD in ids) == (True, True)
    told = pair.engine.codec.answer(np.array(ids)[:, None], Modality.TEXT)
    assert told.text == "A dog"
    assert pair.engine.words.shown(np.array(ids)[:, None])[-1] == ""


def test_nothing_is_computed_behind_the_end(pair: Pair) -> None:
    """Where that is asked for, and the words are those of the whole run."""
    runs = [list(pair.engine.generate(_asking(stop_at_end=stop))) for stop in (False, True)]
    whole, short = ([e for e in events if isinstance(e, Refined)] for events in runs)
    before, after = (steps[-1].tokens_t[:, 0].tolist() for steps in (whole, short))
    assert len(whole) == 128
    assert short[-1].last
    end = before.index(EOS) if EOS in before else 128
    assert after[: end + 1] == before[: end + 1]
    if pair.kind == "llada":
        assert len(short) < 128
        assert set(after[64:]) == {PAD}
    completed = [events[-1] for events in runs]
    told = [done.answers[0].text for done in completed if isinstance(done, Completed)]
    assert len(told) == 2 and told[0] == told[1]


def test_what_it_was_not_trained_for_is_refused(pair: Pair) -> None:
    picture = np.zeros((8, 8, 3), np.uint8)
    for request, sentence in (
        (Request(_conversation(SAID), Modality.IMAGE), "cannot answer with image: it does text"),
        (Request(Conversation.ask("what is it", image=picture)), "does not see pictures"),
        (Request(Conversation.ask("what is it", audio=np.zeros(99, np.float32))), "does not hear"),
        (_asking(sampler="flow"), "for masked diffusion alone, not for flow matching"),
        (_asking(transition="euler"), "for masked diffusion alone, not for flow matching"),
        (_asking(sampler="autoregressive"), "alone, not for reading from left to right"),
        (Request(_conversation(SAID), aloud=True), "cannot answer with audio"),
        (Request(_conversation(SAID), think=True), "does not think"),
    ):
        with pytest.raises(ValueError, match=sentence):
            list(pair.engine.generate(request))
    with pytest.raises(ValueError, match="not trained to find"):
        pair.engine.embed([(Part(text="a dog"),)])
    with pytest.raises(ValueError, match="from left to right"):
        pair.engine.inspector.bits_per_code(_asking(), np.full((3, 1), 99), Modality.TEXT)


def test_nothing_is_random(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    """Every tensor is the source's, bit for bit, or follows from it; none is for pictures."""
    folder = pair.source.parent / "again"
    assert main([pair.kind, str(pair.source), str(folder)]) == 0
    assert "untrained (random numbers): 0 tensors" in capsys.readouterr().out
    theirs = dict(published.REFERENCE[pair.kind]().state_dict())
    ours: dict[str, Tensor] = {}
    for file in sorted(folder.glob("model-*.safetensors")):
        ours |= dict(tensors(file, list(contents(file))))
    rows = pair.ours(range(published.BYTES_AND_MERGES))
    head, words = theirs.pop("lm_head.weight"), theirs.pop("model.embed_tokens.weight")
    assert torch.equal(ours["text_head.weight"][rows], head[: len(rows)])
    assert torch.equal(ours["embeddings.text.weight"][rows], words[: len(rows)])
    assert torch.equal(ours.pop("embeddings.text_mask"), words[pair.mask])
    for name, tensor in theirs.items():
        assert torch.equal(ours.pop(f"backbone.{name.removeprefix('model.')}"), tensor), name
    for name in ("embeddings.editable", "embeddings.causal", "text_bias"):
        assert not ours.pop(name).any()
    assert set(ours) == {"text_head.weight", "embeddings.text.weight", "text_metric_codes"}
    for places, table in (
        (ours["text_head.weight"], head),
        (ours["embeddings.text.weight"], words),
    ):
        assert torch.equal(places.sort(0).values, table.sort(0).values), "a row is lost"


def test_its_config_says_what_it_is(pair: Pair) -> None:
    config = json.loads((pair.source.parent / "out" / "config.json").read_text())
    assert (config["vision"], config["audio"], config["samplers"]) == (None, None, ["masked"])
    told = pair.engine.info()
    assert (told["modalities"], told["path"], told["finds"]) == (["text"], {}, False)
    assert told["facts"]["untrained"] == []
    assert told["config"]["dialogue"]["whole"]
    backbone = pair.engine.model.config.backbone
    wanted = {"llada": (5e5, 1e-5, False, False), "dream": (1e6, 1e-6, True, True)}[pair.kind]
    assert wanted == (
        backbone.rope_theta,
        backbone.norm_eps,
        backbone.qkv_bias,
        backbone.shift_text,
    )
    assert load_checkpoint(pair.source.parent / "out").model.config == pair.engine.model.config


@pytest.mark.parametrize("kind", KINDS)
def test_a_head_that_reads_and_writes_by_the_same_rows(kind: str, tmp_path: Path) -> None:
    source = published.SAVE[kind](tmp_path / "source")
    said, head = {
        "llada": ("weight_tying", "model.transformer.ff_out.weight"),
        "dream": ("tie_word_embeddings", "lm_head.weight"),
    }[kind]
    state = dict(
        tensors(source / "model.safetensors", list(contents(source / "model.safetensors")))
    )
    del state[head]
    save_file(state, source / "model.safetensors")
    config = json.loads((source / "config.json").read_text())
    (source / "config.json").write_text(json.dumps({**config, said: True}))
    assert main([kind, str(source), str(tmp_path / "out")]) == 0
    assert load_checkpoint(tmp_path / "out").model.text_head is None


def test_dream_s_words_without_a_tokenizer_json(tmp_path: Path) -> None:
    """From vocab.json, merges.txt and the settings, as Qwen2's tokenizer in transformers does."""
    source = published.save_dream(tmp_path / "source")
    model = json.loads((source / "tokenizer.json").read_text())["model"]
    (source / "vocab.json").write_text(json.dumps(model["vocab"]))
    merges = [" ".join(pair) for pair in model["merges"]]
    (source / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]))
    (source / "tokenizer.json").unlink()
    theirs = Qwen2Tokenizer.from_pretrained(source)
    exchange = Chat.of(HfFolder.open(source)).exchange
    ours = with_markers(source, published.ROWS, exchange)
    for text in ("A red heart's 12 + 345?\n\n  Ünïcode", "don't\tstop\r\n 猫", "   "):
        wanted = theirs(text, add_special_tokens=False)["input_ids"]
        assert ours.encode(text) == [exchange.place(i) for i in wanted]  # pyright: ignore
    assert main(["dream", str(source), str(tmp_path / "out")]) == 0
