"""MMaDA and Dynin-Omni: numbers and prompts are those of the published layout."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from engine.api.conversation import Conversation, Part, Turn
from engine.api.request import Request
from flow.modality import Modality
from flow.sequence import OmniSequence, Segment, prompt, response
from model.convert.__main__ import main
from model.loading.tensor_file import contents, tensors
from model.tokenizers.text import BEGIN_IMAGE, END_IMAGE, MASKED, NUM_MARKERS
from tests.model import coded_models as published
from tests.model.coded_pair import ASSISTANT, KINDS, PICTURE, USER, WORDS, Pair
from tests.model.masked_models import BYTES_AND_MERGES, logits


@pytest.fixture(params=KINDS)
def pair(request: pytest.FixtureRequest, seeing_pair: Callable[[str], Pair]) -> Pair:
    return seeing_pair(request.param)


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
