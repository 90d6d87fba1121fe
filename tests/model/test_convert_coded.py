"""MMaDA and Dynin-Omni: numbers, prompts and answers in words and pictures are those of the
published layout."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from torch import Tensor

from engine.api.conversation import Conversation, Part, Turn
from engine.api.events import Answer, Completed, Refined
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from flow.modality import Modality
from flow.sequence import OmniSequence, Segment, prompt, response
from model.convert.__main__ import main
from model.convert.catalogue import LAYOUTS
from model.convert.layouts.text_tokenizer import Exchange
from model.loading.checkpoint import load_checkpoint
from model.loading.hf_folder import HfFolder
from model.loading.tensor_file import contents, tensors
from model.tokenizers.text import BEGIN_IMAGE, END_IMAGE, MASKED, NUM_MARKERS
from tests.model import coded_models as published
from tests.model.masked_models import BYTES_AND_MERGES, logits

KINDS = ("mmada", "dynin")
WORDS = BYTES_AND_MERGES + len(published.SPECIAL)
"""Length of the tokenizer: the row of the first code."""
USER = "<|start_header_id|>user<|end_header_id|>\n"
ASSISTANT = "<|start_header_id|>assistant<|end_header_id|>\n"
PICTURE = np.random.default_rng(3).integers(0, 255, (80, 70, 3), np.uint8)


@dataclass(frozen=True)
class Pair:
    """A source and what became of it, with its picture tokenizer."""

    kind: str
    source: Path
    engine: Engine
    exchange: Exchange

    @classmethod
    def dynin(cls, folder: Path, speech: str | None = None) -> "Pair":
        """Dynin-Omni without its picture tokenizer. speech: the command of its codec."""
        source = published.save("dynin", folder / "source")
        assert main(["dynin", str(source), str(folder / "out")]) == 0
        exchange = LAYOUTS["dynin"].exchange(HfFolder.open(source))
        return cls("dynin", source, Engine.load(folder / "out", "cpu", speech=speech), exchange)

    def ours(self, theirs: Sequence[int]) -> list[int]:
        return [self.exchange.place(i) for i in theirs]

    @property
    def at_once(self) -> str:
        """Behind the user's last words where nothing is said of thinking."""
        return " \\no_think" if self.kind == "dynin" else ""

    @property
    def mask(self) -> int:
        return self.exchange.ids[MASKED]

    def special(self, name: str) -> int:
        number = published.TASKS.get(name)
        wanted = name if number is None else f"<|reserved_token_{number}|>"
        return BYTES_AND_MERGES + published.SPECIAL.index(wanted)

    def encoded(self, text: str) -> list[int]:
        """Ids of the source, special tokens read as such."""
        tokenizer = Tokenizer.from_file(str(self.source / "tokenizer.json"))
        return tokenizer.encode(text, add_special_tokens=False).ids

    def seen(self, picture: np.ndarray) -> list[int]:
        """Rows of the source of a picture's codes."""
        codes = self.engine.encode(Part(image=picture)).tokens[:, 0]
        return (codes + WORDS).tolist()

    def drawing(self, words: str, masks: Sequence[int]) -> list[int]:
        around = [self.special(n) for n in ("t2i", "<|startoftext|>")]
        return [*around, *self.encoded(words), *self.behind(masks)]

    def behind(self, masks: Sequence[int]) -> list[int]:
        before = [self.special(n) for n in ("<|endoftext|>", "soi")]
        return [*before, *masks, self.special("eoi")]


@pytest.fixture(scope="module", params=KINDS)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    folder, kind = tmp_path_factory.mktemp(request.param), request.param
    source = published.save(kind, folder / "source")
    eyes = published.save_magvit(folder / "magvit")
    assert main([kind, str(source), str(folder / "out")]) == 0
    assert main(["magvit", str(eyes), str(folder / "out")]) == 0
    exchange = LAYOUTS[kind].exchange(HfFolder.open(source))
    return Pair(kind, source, Engine.load(folder / "out", "cpu"), exchange)


def _answer(engine: Engine, request: Request) -> Answer:
    *_, last = engine.generate(request)
    assert isinstance(last, Completed)
    (answer,) = last.answers
    return answer


def _theirs(pair: Pair, segments: Sequence[Segment]) -> list[int]:
    """Ids of the source that the segments of one row hold."""
    words = {pair.exchange.place(i): i for i in range(WORDS)}
    found: list[int] = []
    for segment in segments:
        ids = segment.tokens[0, :, 0].tolist()
        pictured = segment.modality is Modality.IMAGE
        found += [i + WORDS for i in ids] if pictured else [words[i] for i in ids]
    return found


def test_an_answer_in_words_is_asked_for_as_published(pair: Pair) -> None:
    """The conversation alone; or the pictures, each in its markers, and then the conversation."""
    said = Conversation.ask("A red heart? ")
    chat = pair.encoded(f"<|startoftext|>{USER}A red heart?{pair.at_once}<|eot_id|>{ASSISTANT}")
    found = pair.engine.builder.prompt_of(Request(said), Modality.TEXT)
    assert _theirs(pair, found) == chat
    shown = Conversation.ask("A red heart?", image=PICTURE)
    found = pair.engine.builder.prompt_of(Request(shown), Modality.TEXT)
    mmu, soi, eoi = (pair.special(name) for name in ("mmu", "soi", "eoi"))
    assert _theirs(pair, found) == [mmu, soi, *pair.seen(PICTURE), eoi, *chat]
    turns = (*shown.turns, _said("assistant", "A dog."), _said("user", "What is it"))
    found = pair.engine.builder.prompt_of(Request(Conversation(turns)), Modality.TEXT)
    chat = pair.encoded(
        f"<|startoftext|>{USER}A red heart?<|eot_id|>{ASSISTANT}A dog.<|eot_id|>"
        f"{USER}What is it{pair.at_once}<|eot_id|>{ASSISTANT}"
    )
    assert _theirs(pair, found) == [mmu, soi, *pair.seen(PICTURE), eoi, *chat]
    later = Conversation.ask("What is it", image=PICTURE[::-1])
    found = pair.engine.builder.prompt_of(
        Request(Conversation((*turns[:2], *later.turns))), Modality.TEXT
    )
    assert _theirs(pair, found) == [mmu, soi, *pair.seen(PICTURE[::-1]), eoi, *chat]


def _said(role: str, words: str) -> Turn:
    return Turn(role, (Part(text=words),))


def test_a_picture_is_asked_for_as_published(pair: Pair) -> None:
    """By the last words alone; what is drawn and the marker behind it come after."""
    turns = (_said("user", "And a dog?"), _said("assistant", "A dog."), _said("user", "A house"))
    found = pair.engine.builder.prompt_of(Request(Conversation(turns)), Modality.IMAGE)
    wanted = pair.drawing("A house", [])
    assert _theirs(pair, found) == wanted[:-1]
    assert [s.keep_unconditional for s in found] == [True, False, True]


def test_a_change_of_a_picture_is_asked_for_as_published(pair: Pair) -> None:
    """By Dynin-Omni; MMaDA draws from words alone."""
    asked = Request(Conversation.ask("A red dog", image=PICTURE), Modality.IMAGE)
    if pair.kind == "mmada":
        with pytest.raises(ValueError, match="changes no picture: leave the picture out"):
            pair.engine.builder.prompt_of(asked, Modality.IMAGE)
        return
    found = pair.engine.builder.prompt_of(asked, Modality.IMAGE)
    i2i, soi, eoi, bos, eos = (
        pair.special(name) for name in ("i2i", "soi", "eoi", "<|startoftext|>", "<|endoftext|>")
    )
    words = pair.encoded("A red dog")
    assert _theirs(pair, found) == [i2i, soi, *pair.seen(PICTURE), eoi, bos, *words, eos, soi]
    assert [s.keep_unconditional for s in found] == [True, True, True, False, True]


def test_the_logits_are_the_source_s(pair: Pair) -> None:
    """Words and pictures in one sequence, each half masked; every position sees every other."""
    generator = torch.Generator().manual_seed(1)
    asked, answer = torch.randint(BYTES_AND_MERGES, (2, 2, 9), generator=generator)
    shown, drawn = torch.randint(published.NUM_IMAGE, (2, 2, 16), generator=generator)
    hidden, covered = (torch.rand(2, n, generator=generator) < 0.5 for n in (9, 16))
    model = pair.engine.model
    theirs = torch.cat(
        [
            shown + WORDS,
            asked,
            answer.masked_fill(hidden, pair.mask),
            (drawn + WORDS).masked_fill(covered, pair.mask),
        ],
        1,
    )
    no_word, no_code = (model.spaces[m].mask_id for m in (Modality.TEXT, Modality.IMAGE))
    words = (answer + NUM_MARKERS).masked_fill(hidden, no_word)
    codes = drawn.masked_fill(covered, no_code)
    sequence = OmniSequence(
        (
            prompt(Modality.IMAGE, shown[..., None]),
            prompt(Modality.TEXT, asked[..., None] + NUM_MARKERS),
            response(Modality.TEXT, words[..., None]),
            response(Modality.IMAGE, codes[..., None]),
        )
    )
    with torch.inference_mode():
        found = model(sequence, 0.5)
        none = torch.empty(2, 0, 0)
        told, seen = (found[i].logits(none) for i in (2, 3))
    wanted = logits(published.reference(pair.kind), theirs)
    allowed = [i for i in range(WORDS) if i not in (pair.mask, *pair.exchange.ids.values())]
    ours = told[..., pair.ours(allowed)]
    torch.testing.assert_close(ours, wanted[:, 25:34, allowed], atol=1e-4, rtol=1e-4)
    here = wanted[:, 34:, WORDS : WORDS + published.NUM_IMAGE]
    torch.testing.assert_close(seen, here, atol=1e-4, rtol=1e-4)
    rows = model.config.code_rows
    assert rows is not None
    assert rows.image == WORDS + NUM_MARKERS
    assert bool(told[..., rows.image :].isneginf().all()), "words never draw a code"
    assert bool(told[..., [BEGIN_IMAGE, END_IMAGE, MASKED]].isneginf().all())


def _plainly(pair: Pair, prompts: tuple[list[int], list[int]], scale: float) -> list[int]:
    """MaskGIT over the reference model, greedy: in every step all masked positions are predicted,
    and the least sure of them masked again, fewer and fewer by a cosine. Codes."""
    model, steps = published.reference(pair.kind), 8
    codes: list[int | None] = [None] * published.PLACES
    for step in range(steps):
        masks = [pair.mask if k is None else k + WORDS for k in codes]
        both = [
            logits(model, torch.tensor([[*before, *pair.behind(masks)]]))[0] for before in prompts
        ]
        there = slice(WORDS, WORDS + published.NUM_IMAGE)
        cond, uncond = (seen[-1 - published.PLACES : -1, there] for seen in both)
        sure, best = ((1 + scale) * cond - scale * uncond).softmax(-1).max(-1)
        left = math.floor(published.PLACES * math.cos(math.pi / 2 * (step + 1) / steps))
        open_places = [i for i, k in enumerate(codes) if k is None]
        ranked = sorted(open_places, key=lambda i: -float(sure[i]))
        for i in ranked[: len(open_places) - (left if step < steps - 1 else 0)]:
            codes[i] = int(best[i])
    return [k for k in codes if k is not None]


def _greedy(pair: Pair) -> Engine:
    """The engine without noise on what is committed first."""
    checkpoint = load_checkpoint(pair.source.parent / "out")
    config = checkpoint.model.config
    flow = replace(config.image_flow, choice_temperature=0.0)
    checkpoint.model.config = replace(config, image_flow=flow)
    return Engine(checkpoint, pair.engine.placement)


@pytest.mark.parametrize("scale", [0.0, 3.5])
def test_a_picture_is_that_of_the_published_sampling(pair: Pair, scale: float) -> None:
    """Without its words the prompt keeps its frame, and nothing of them."""
    sampling = Sampling(steps=8, temperature=0.0, guidance_scale=scale)
    words = pair.encoded("A red heart")
    frame = [pair.special(name) for name in ("t2i", "<|startoftext|>")]
    request = Request(Conversation.ask("A red heart"), Modality.IMAGE, sampling)
    answer = _answer(_greedy(pair), request)
    wanted = _plainly(pair, ([*frame, *words], frame), scale)
    assert answer.tokens[:, 0].tolist() == wanted
    assert len(set(wanted)) > 2
    assert answer.image is not None
    assert answer.image.shape == (64, 64, 3)


def test_a_changed_picture_is_that_of_the_published_sampling(pair: Pair) -> None:
    """The picture that is changed belongs to the frame."""
    if pair.kind == "mmada":
        return
    sampling = Sampling(steps=8, temperature=0.0, guidance_scale=2.5)
    asked = Conversation.ask("A red heart", image=PICTURE)
    answer = _answer(_greedy(pair), Request(asked, Modality.IMAGE, sampling))
    i2i, soi, eoi, bos = (pair.special(n) for n in ("i2i", "soi", "eoi", "<|startoftext|>"))
    frame = [i2i, soi, *pair.seen(PICTURE), eoi, bos]
    wanted = _plainly(pair, ([*frame, *pair.encoded("A red heart")], frame), 2.5)
    assert answer.tokens[:, 0].tolist() == wanted


def test_it_answers_in_words_and_pictures(pair: Pair) -> None:
    """Of what is seen, too; the same again, and in a batch."""
    told = Request(Conversation.ask("A dog?"), None, Sampling(steps=16))
    seen = Request(Conversation.ask("What is it?", image=PICTURE), None, Sampling(steps=16))
    drawn = Request(Conversation.ask("A red dog"), Modality.IMAGE, Sampling(steps=4, seed=2))
    engine = pair.engine
    for request in (told, seen, drawn):
        one, again = (_answer(engine, request) for _ in range(2))
        assert one.modality is (request.to or Modality.TEXT)
        assert np.array_equal(one.tokens, again.tokens)
        ((batched,),) = engine.generate_batch([request])
        assert np.array_equal(one.tokens, batched.tokens)
    assert len(_answer(engine, told).tokens) == 128
    other = replace(drawn, sampling=Sampling(steps=4, seed=3))
    assert not np.array_equal(_answer(engine, drawn).tokens, _answer(engine, other).tokens)


def test_a_cache_and_a_preview_change_nothing(pair: Pair) -> None:
    request = Request(Conversation.ask("A dog"), Modality.IMAGE, Sampling(steps=4))
    cached = replace(request, sampling=Sampling(steps=4, cache_share=1.0, prompt_every=1))
    plain, kept = (_answer(pair.engine, r) for r in (request, cached))
    assert np.array_equal(plain.tokens, kept.tokens)
    *_, step, ended = pair.engine.generate(request, preview_hz=1e6)
    assert isinstance(step, Refined) and isinstance(ended, Completed)
    assert step.image_1 is not None
    assert np.array_equal(step.image_1, ended.answers[0].image)
    assert np.array_equal(ended.answers[0].tokens, plain.tokens)


def test_its_config_says_what_it_is(pair: Pair) -> None:
    config = pair.engine.model.config
    flow = config.image_flow
    assert (flow.steps, flow.guidance_scale, flow.mask_schedule) == (16, 3.5, "cosine")
    assert (flow.temperature, flow.choice_temperature) == (1.0, 1.0)
    assert config.text_flow.block == {"mmada": None, "dynin": 16}[pair.kind]
    assert (config.text_length, config.text_flow.steps, config.samplers) == (128, 128, ("masked",))
    assert config.thinks == (pair.kind == "dynin")
    assert (config.has_embedding, config.generates_video, config.audio) == (False, False, None)
    assert (config.required_vision.image_px, config.required_vision.cardinality) == (64, 32)
    told = pair.engine.info()
    assert told["modalities"] == ["text", "image"]
    assert set(told["lacking"]) == ({"audio", "video"} if pair.kind == "dynin" else set())
    assert told["facts"]["untrained"] == []
    assert set(told["facts"]["converted"]) == {pair.kind, "magvit"}


def test_speech_is_refused_with_the_reason(pair: Pair) -> None:
    asked = Request(Conversation.ask("what is it", audio=np.zeros(99, np.float32)))
    why = {"dynin": "speech codec is a program of its own", "mmada": "does not hear"}[pair.kind]
    with pytest.raises(ValueError, match=why):
        list(pair.engine.generate(asked))
    with pytest.raises(ValueError, match="cannot answer with audio"):
        list(pair.engine.generate(Request(Conversation.ask("Say it"), Modality.AUDIO)))


def test_every_tensor_is_where_it_belongs(
    pair: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bit for bit, with every row of words, pictures and speech."""
    assert main([pair.kind, str(pair.source), str(tmp_path)]) == 0
    assert "untrained (random numbers): 0 tensors" in capsys.readouterr().out
    assert main(["magvit", str(pair.source.parent / "magvit"), str(tmp_path)]) == 0
    assert "untrained (random numbers): 0 tensors" in capsys.readouterr().out
    ours: dict[str, Tensor] = {}
    for file in sorted(tmp_path.glob("model-*.safetensors")):
        ours |= dict(tensors(file, list(contents(file))))
    for name, tensor in published.magvit().items():
        assert torch.equal(ours.pop(f"vision.magvit.{name}"), tensor), name
    theirs = dict(published.reference(pair.kind).state_dict())
    head, words = theirs.pop("lm_head.weight"), theirs.pop("model.embed_tokens.weight")
    for name, wanted in (("text_head.weight", head), ("embeddings.text.weight", words)):
        placed = ours.pop(name)
        assert torch.equal(placed[pair.ours(range(WORDS))], wanted[:WORDS])
        codes = len(wanted) - published.WORD_ROWS
        first = WORDS + NUM_MARKERS
        assert torch.equal(placed[first : first + codes], wanted[WORDS : WORDS + codes])
        assert torch.equal(placed.sort(0).values, wanted.sort(0).values), "a row is lost"
    assert torch.equal(ours.pop("embeddings.text_mask"), words[pair.mask])
    for name, tensor in theirs.items():
        assert torch.equal(ours.pop(f"backbone.{name.removeprefix('model.')}"), tensor), name
    made = {"text_bias", "text_metric_codes", "embeddings.editable", "embeddings.causal"}
    assert set(ours) == made


def test_named_tasks_are_taken_by_their_names(tmp_path: Path) -> None:
    """Where the tokenizer calls them so, wherever they stand."""
    source = published.save("mmada", tmp_path / "source")
    published.rename(source, {"<|t2i|>": 7, "<|soi|>": 12})
    assert main(["mmada", str(source), str(tmp_path / "out")]) == 0
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["dialogue"]["tasks"]["draws"] == "<|t2i|>"
    assert config["dialogue"]["tasks"]["sees"] == "<|reserved_token_5|>"
    tokenizer = json.loads((tmp_path / "out" / "tokenizer.json").read_text())
    (begin,) = (t["id"] for t in tokenizer["added_tokens"] if t["content"] == "<|soi|>")
    assert begin == BEGIN_IMAGE
