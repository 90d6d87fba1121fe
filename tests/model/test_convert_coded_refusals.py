"""An MMaDA or Dynin-Omni, or a picture tokenizer, that is not whole or does not fit is refused in
one sentence; without its picture tokenizer it talks and says what is missing."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.api.conversation import Conversation
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from flow.modality import Modality
from model.convert.__main__ import main
from model.loading.checkpoint import load_checkpoint
from tests.model import coded_models, masked_models
from tests.model.refusals import changed, refused, refuses, rewritten

CONFIG, WEIGHTS = "config.json", "model.safetensors"
WORDS, SETTINGS = "tokenizer.json", "tokenizer_config.json"
ROWS, HEAD = "model.transformer.wte.weight", "model.transformer.ff_out.weight"
BLOCK = "encoder.down.2.block.0"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    for kind in ("mmada", "dynin"):
        coded_models.save(kind, folder / kind)
    coded_models.save_magvit(folder / "magvit")
    masked_models.save_llada(folder / "llada")
    return folder


def _weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    rewritten(folder / WEIGHTS, change)


def _renamed(folder: Path, old: str, new: str) -> None:
    """A token of the tokenizer, in both of its files."""
    for name in (WORDS, SETTINGS):
        text = (folder / name).read_text()
        (folder / name).write_text(text.replace(f'"{old}"', f'"{new}"'))


def _resized(folder: Path, rows: int) -> None:
    """Other rows of words and codes, and config.json agrees."""
    changed(folder / CONFIG, vocab_size=rows, new_vocab_size=rows, embedding_size=rows)
    _weights(folder, lambda t: t.update({n: torch.zeros(rows, 32) for n in (ROWS, HEAD)}))


def _longer_tokenizer(folder: Path, num: int) -> None:
    """More words behind the last one than the rows have room for."""
    whole = json.loads((folder / WORDS).read_text())
    first = max(token["id"] for token in whole["added_tokens"]) + 1
    flags = {k: v for k, v in whole["added_tokens"][0].items() if k not in ("id", "content")}
    whole["added_tokens"] += [
        {"id": first + i, "content": f"<|more_{i}|>", **flags} for i in range(num)
    ]
    (folder / WORDS).write_text(json.dumps(whole))


BROKEN: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "a missing tensor": (
        "mmada",
        lambda f: _weights(f, lambda t: t.pop("model.transformer.blocks.1.up_proj.weight")),
        r"lacks 1 tensors .*layers.1.mlp.up_proj",
    ),
    "no head": (
        "dynin",
        lambda f: _weights(f, lambda t: t.pop(HEAD)),
        r"lacks 1 tensors .*text_head",
    ),
    "an unknown tensor": (
        "dynin",
        lambda f: _weights(f, lambda t: t.update({"model.vision.weight": torch.zeros(2)})),
        r"has 1 tensors that no .*model.vision.weight",
    ),
    "another shape": (
        "mmada",
        lambda f: _weights(f, lambda t: t.update({"model.transformer.ln_f.weight": torch.ones(8)})),
        r"ln_f.weight .* has the shape 8, and source needs 32",
    ),
    "other rows than it says": (
        "mmada",
        lambda f: _weights(f, lambda t: t.update({ROWS: t[ROWS][:-1]})),
        r"has 415 rows of words and codes and its config.json says 416",
    ),
    "no rows for speech": (
        "dynin",
        lambda f: _resized(f, 4416),
        r"has 4416 rows, which do not fit 322 words, 32 codes of pictures and 4096 of speech",
    ),
    "a tokenizer that is too short for its rows": (
        "mmada",
        lambda f: _resized(f, 416 + 128),
        r"has 544 rows, which do not fit 322 words, .* use the tokenizer of the same checkpoint",
    ),
    "a longer tokenizer": (
        "mmada",
        lambda f: _longer_tokenizer(f, 40),
        r"has 416 rows, which do not fit 362 words, 32 codes of pictures",
    ),
    "more codes than rows": (
        "mmada",
        lambda f: changed(f / CONFIG, codebook_size=128),
        r"do not fit 322 words, 128 codes of pictures",
    ),
    "pictures that are no squares": (
        "mmada",
        lambda f: changed(f / CONFIG, num_vq_tokens=18),
        r"has 18 positions a picture, which is no square",
    ),
    "no token for pictures": (
        "dynin",
        lambda f: _renamed(f, "<|reserved_token_4|>", "<|other|>"),
        r"has no token <\|t2i\|>, and none reserved in its place \(<\|reserved_token_4\|>\)",
    ),
    "no token for films": (
        "dynin",
        lambda f: _renamed(f, "<|reserved_token_16|>", "<|other|>"),
        r"has no token <\|v2t\|>, and none reserved in its place \(<\|reserved_token_16\|>\)",
    ),
    "no token behind films": (
        "dynin",
        lambda f: _renamed(f, "<|reserved_token_3|>", "<|other|>"),
        r"has no token <\|eov\|>, and none reserved in its place",
    ),
    "no token behind thoughts": (
        "dynin",
        lambda f: _renamed(f, "<|reserved_token_22|>", "<|other|>"),
        r"has no token <\|end_think\|>, and none reserved in its place",
    ),
    "reserved tokens in another order": (
        "mmada",
        lambda f: (
            _renamed(f, "<|reserved_token_5|>", "<|between|>"),
            _renamed(f, "<|reserved_token_8|>", "<|reserved_token_5|>"),
        ),
        r"has no token <\|mmu\|>, and none reserved in its place",
    ),
    "no token that begins": (
        "mmada",
        lambda f: changed(f / SETTINGS, bos_token=None),
        r"has no token that begins a text",
    ),
    "another mask": (
        "dynin",
        lambda f: changed(f / CONFIG, mask_token_id=5),
        r"masks by the id 5, which is",
    ),
    "another block": (
        "mmada",
        lambda f: changed(f / CONFIG, block_type="sequential"),
        r"block_type is sequential, not llama",
    ),
    "the other layout": ("dynin", lambda f: changed(f / CONFIG, model_type="llada"), r"a llada"),
}

BLIND: dict[str, tuple[Callable[[Path], object], str]] = {
    "a missing tensor": (
        lambda f: _weights(f, lambda t: t.pop("decoder.conv_in.bias")),
        r"lacks 1 tensors .*decoder.conv_in.bias",
    ),
    "an unknown tensor": (
        lambda f: _weights(f, lambda t: t.update({"discriminator.weight": torch.zeros(2)})),
        r"has 1 tensors that no .*discriminator.weight",
    ),
    "another shape": (
        lambda f: _weights(f, lambda t: t.update({f"{BLOCK}.norm1.weight": torch.zeros(96)})),
        r"norm1.weight .* has the shape 96, and source needs 64",
    ),
    "a level less": (
        lambda f: _weights(f, lambda t: [t.pop(n) for n in list(t) if ".down.4." in n]),
        r"is no MAGVIT-v2 of 5 levels",
    ),
    "bits in another order": (
        lambda f: _weights(
            f, lambda t: t.update({"quantize.embedding": t["quantize.embedding"].flip(1)})
        ),
        r"are not bits from the highest to the lowest",
    ),
    "other codes": (
        lambda f: _weights(
            f, lambda t: t.update({"encoder.quant_conv.weight": torch.zeros(6, 6, 1, 1)})
        ),
        r"has codes of 6 bits, and source rows for 32 codes",
    ),
    "another thing": (
        lambda f: changed(f / CONFIG, _class_name="VQModel"),
        r"is a VQModel checkpoint and no MAGVIT-v2",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_one_sentence_and_nothing_written(
    case: str, saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refuses(capsys, BROKEN[case], saved, tmp_path)


@pytest.fixture(scope="module")
def unseeing(saved: Path) -> Path:
    """An MMaDA without its picture tokenizer."""
    source = Path(shutil.copytree(saved / "mmada", saved / "source"))
    assert main(["mmada", str(source), str(saved / "out")]) == 0
    return saved / "out"


@pytest.mark.parametrize("case", BLIND)
def test_a_picture_tokenizer_that_does_not_fit_changes_nothing(
    case: str, saved: Path, unseeing: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    break_it, sentence = BLIND[case]
    eyes = Path(shutil.copytree(saved / "magvit", tmp_path / "magvit"))
    break_it(eyes)
    before = load_checkpoint(unseeing).digest
    line = refused(capsys, "magvit", str(eyes), str(unseeing))
    assert re.search(sentence, line), line
    assert load_checkpoint(unseeing).digest == before


def test_a_picture_tokenizer_needs_a_vocabulary_with_its_codes(
    saved: Path, tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither a new folder, nor words alone, nor a checkpoint of ours has one."""
    eyes = str(saved / "magvit")
    assert "convert mmada or dynin into" in refused(capsys, "magvit", eyes, str(tmp_path / "new"))
    assert "give an empty folder" in refused(capsys, "magvit", eyes, str(tiny_checkpoint))
    words = str(tmp_path / "words")
    assert main(["llada", str(saved / "llada"), words]) == 0
    assert "convert mmada or dynin into" in refused(capsys, "magvit", eyes, words)


def test_without_its_picture_tokenizer_it_talks(unseeing: Path) -> None:
    engine = Engine.load(unseeing, "cpu")
    assert engine.info()["modalities"] == ["text"]
    assert "model.convert magvit" in engine.info()["lacking"]["image"]
    asked = Conversation.ask("A dog?")
    *_, last = engine.generate(Request(asked, None, Sampling(steps=2)))
    assert len(last.answers) == 1  # pyright: ignore
    seen = Conversation.ask("A dog?", image=np.zeros((8, 8, 3), np.uint8))
    for request in (Request(asked, Modality.IMAGE), Request(seen)):
        with pytest.raises(ValueError, match=r"model\.convert magvit SOURCE FOLDER"):
            list(engine.generate(request))
