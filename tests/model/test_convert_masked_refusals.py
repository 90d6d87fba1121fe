"""A LLaDA or Dream that is not whole, or whose files do not agree, is refused in one sentence."""

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from model.convert.__main__ import main
from model.loading.checkpoint import load_checkpoint
from model.loading.tensor_file import contents, tensors
from tests.model import masked_models, published
from tests.model.refusals import changed, refused, refuses, rewritten

WEIGHTS, SETTINGS, WORDS = "model.safetensors", "tokenizer_config.json", "tokenizer.json"
BLOCK = "model.transformer.blocks"
CONFIG = "config.json"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    for kind, save in masked_models.SAVE.items():
        save(folder / kind)
    return folder


def _weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    rewritten(folder / WEIGHTS, change)


def _other_words(folder: Path) -> None:
    """The tokenizer of another checkpoint: one more token in front of the special ones."""
    whole = json.loads((folder / WORDS).read_text())
    for token in whole["added_tokens"]:
        token["id"] += 1
    whole["model"]["vocab"]["another"] = len(whole["model"]["vocab"])
    (folder / WORDS).write_text(json.dumps(whole))


def _pickled(folder: Path) -> None:
    state = dict(tensors(folder / WEIGHTS, list(contents(folder / WEIGHTS))))
    torch.save(state, folder / "pytorch_model.bin")
    (folder / WEIGHTS).unlink()


def _harmful(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes(pickle.dumps({"a": print}))


def _template(folder: Path, template: Any) -> None:
    changed(folder / SETTINGS, chat_template=template)


BROKEN: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "a missing tensor": (
        "llada",
        lambda f: _weights(f, lambda t: t.pop(f"{BLOCK}.1.ff_proj.weight")),
        r"lacks 1 tensors .*layers.1.mlp.gate_proj",
    ),
    "no head": (
        "dream",
        lambda f: _weights(f, lambda t: t.pop("lm_head.weight")),
        r"lacks 1 tensors .*text_head",
    ),
    "a bias that LLaDA has not": (
        "llada",
        lambda f: _weights(f, lambda t: t.update({f"{BLOCK}.0.q_proj.bias": torch.zeros(32)})),
        r"has 1 tensors that no .*q_proj.bias",
    ),
    "a norm that our blocks have not": (
        "llada",
        lambda f: _weights(f, lambda t: t.update({f"{BLOCK}.0.q_norm.weight": torch.ones(32)})),
        r"has 1 tensors that no .*q_norm",
    ),
    "one layer more than it says": (
        "dream",
        lambda f: changed(f / CONFIG, num_hidden_layers=1),
        r"has 12 tensors that no",
    ),
    "another shape": (
        "llada",
        lambda f: _weights(f, lambda t: t.update({f"{BLOCK}.0.k_proj.weight": torch.zeros(8, 32)})),
        r"k_proj.weight .* has the shape 8 x 32, and source needs 32 x 32",
    ),
    "fewer rows than it says": (
        "dream",
        lambda f: changed(f / CONFIG, vocab_size=400),
        r"lm_head.weight .* has the shape 352 x 32, and source needs 400 x 32",
    ),
    "another block": (
        "llada",
        lambda f: changed(f / CONFIG, block_type="sequential", attention_layer_norm=True),
        r"block_type is sequential, not llama; attention_layer_norm is True",
    ),
    "no size": ("llada", lambda f: changed(f / CONFIG, d_model=None), r"does not say d_model"),
    "a size that is a word": (
        "llada",
        lambda f: changed(f / CONFIG, d_model="a"),
        r"has 'a' for d_model, which is no whole number above zero",
    ),
    "no heads": ("llada", lambda f: changed(f / CONFIG, n_heads=0), r"has 0 for n_heads"),
    "no heads of Qwen's": (
        "dream",
        lambda f: changed(f / CONFIG, num_attention_heads=0),
        r"has 0 for num_attention_heads",
    ),
    "a base that is a word": (
        "dream",
        lambda f: changed(f / CONFIG, rope_theta="a"),
        r"has 'a' for rope_theta, which is no number above zero",
    ),
    "a list in place of a table": (
        "dream",
        lambda f: changed(f / CONFIG, rope_scaling=[1]),
        r"say what no Dream .* says \(AttributeError",
    ),
    "tokens that are none": (
        "llada",
        lambda f: changed(f / SETTINGS, added_tokens_decoder={"a": 3}),
        r"added_tokens_decoder that is no table of tokens",
    ),
    "whole numbers": (
        "llada",
        lambda f: _weights(
            f, lambda t: t.update({f"{BLOCK}.0.k_proj.weight": torch.zeros(32, 32).long()})
        ),
        r"k_proj.weight in .* is stored as I64, and weights are read as F64, F32",
    ),
    "stretched positions": (
        "dream",
        lambda f: changed(f / CONFIG, rope_scaling={"rope_type": "yarn"}),
        r"stretches its positions",
    ),
    "a pickle": ("llada", _pickled, r"as a pickle only .* can run code.*--allow-pickle"),
    "a pickle by another name": ("llada", _harmful, r"truncated or broken"),
    "the other layout": (
        "dream",
        lambda f: changed(f / CONFIG, model_type="llada"),
        r"is a llada",
    ),
    "no words": ("llada", lambda f: (f / WORDS).unlink(), r"tokenizer.json is missing"),
    "no settings": (
        "dream",
        lambda f: (f / SETTINGS).unlink(),
        r"tokenizer_config.json is missing",
    ),
    "words of another checkpoint": (
        "llada",
        _other_words,
        r"has <\|startoftext\|> at \d+ and its tokenizer at \d+: they are of different",
    ),
    "more words than rows": (
        "dream",
        lambda f: (
            changed(f / CONFIG, vocab_size=300),
            _weights(f, lambda t: t.update({n: t[n][:300] for n in list(t) if len(t[n]) == 352})),
        ),
        r"tokenizer has \d+ entries, the model only 300",
    ),
    "another mask": (
        "llada",
        lambda f: changed(f / CONFIG, mask_token_id=5),
        r"masks by the id 5, which is .* in its tokenizer",
    ),
    "a mask that is none": (
        "dream",
        lambda f: changed(f / SETTINGS, mask_token="<|box_start|>"),
        r"masks by the id \d+, which is <\|mask\|>",
    ),
    "no mask": (
        "llada",
        lambda f: changed(f / CONFIG, mask_token_id=None),
        r"masks by the id None",
    ),
    "another end": (
        "dream",
        lambda f: changed(f / CONFIG, eos_token_id=7),
        r"has eos_token_id 7 and its tokenizer \d+",
    ),
    "not for conversations": (
        "llada",
        lambda f: _template(f, None),
        r"no chat template: convert the checkpoint that was tuned for conversations",
    ),
    "a template that fails": (
        "llada",
        lambda f: _template(f, "{{ 1 / no }}"),
        r"template .* fails",
    ),
    "a template that reaches out": (
        "llada",
        lambda f: _template(f, "{{ ''.__class__.__mro__[1].__subclasses__() }}"),
        r"template .* fails: .*unsafe",
    ),
    "a template without turns": (
        "dream",
        lambda f: _template(f, "{% for m in messages %}{{ m.content }}\n{% endfor %}"),
        r"marks its turns in a way that is not supported",
    ),
    "a template that forgets": (
        "dream",
        lambda f: _template(f, "<|im_start|>{{ messages[-1].content }}<|im_end|>"),
        r"leaves out what was said",
    ),
    "a template that says more in time": (
        "llada",
        lambda f: _template(
            f, masked_models.HEADERS.replace("{% for", "{{ messages | length }}{% for", 1)
        ),
        r"lays out conversations in a way that is not supported",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_one_sentence_and_nothing_written(
    case: str, saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refuses(capsys, BROKEN[case], saved, tmp_path)


def test_it_is_a_checkpoint_of_its_own(
    saved: Path, tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither a preset nor a part of another checkpoint; nor do others fill a part of it."""
    llada, out = str(saved / "llada"), str(tmp_path / "out")
    assert "leave --preset out" in refused(capsys, "llada", llada, out, "--preset", "tiny")
    assert "give an empty folder" in refused(capsys, "llada", llada, str(tiny_checkpoint))
    assert main(["llada", llada, out]) == 0
    capsys.readouterr()
    digest = load_checkpoint(Path(out)).digest
    published.save(published.whisper(), tmp_path / "whisper")
    published.save(published.clip(), tmp_path / "clip")
    published.save_tokenizer(published.save(masked_models.qwen(), tmp_path / "qwen"))
    for kind in ("whisper", "clip", "qwen"):
        assert "give an empty folder" in refused(capsys, kind, str(tmp_path / kind), out)
    assert load_checkpoint(Path(out)).digest == digest


def test_a_pickle_that_was_named_is_read(saved: Path, tmp_path: Path) -> None:
    source = Path(shutil.copytree(saved / "llada", tmp_path / "source"))
    _pickled(source)
    named = ["--allow-pickle", str(source / "pytorch_model.bin")]
    assert main(["llada", str(source), str(tmp_path / "a"), *named]) == 0
    assert main(["llada", str(saved / "llada"), str(tmp_path / "b")]) == 0
    a, b = (load_checkpoint(tmp_path / name).model.state_dict() for name in "ab")
    for name, tensor in a.items():
        assert torch.equal(tensor, b[name]), name
