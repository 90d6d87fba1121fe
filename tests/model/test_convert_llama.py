"""A converted Llama gives the numbers of transformers', with the markers' rows in front of its."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from flow.modality import Modality
from flow.sequence import OmniSequence, Segment
from model.convert.__main__ import main
from model.convert.folder_info import read_facts
from model.loading.checkpoint import Checkpoint, load_checkpoint
from model.presets import PRESETS
from model.tokenizers.text import NUM_MARKERS
from tests.model import published
from tests.model.refusals import changed, refused, refuses

LENGTH = 11
PRESET = ["--preset", published.TINY_LLAMA.name]


@pytest.fixture(scope="module", autouse=True)
def preset() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, published.TINY_LLAMA.name, published.TINY_LLAMA)
        yield


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    for tied in (True, False):
        source = published.save(published.llama(tied=tied), folder / ("llama", "untied")[not tied])
        published.save_tokenizer(source)
    published.save_tokenizer(published.save(published.qwen(), folder / "qwen"))
    return folder


@pytest.fixture(scope="module", params=["llama", "untied"])
def source(request: pytest.FixtureRequest, saved: Path) -> Path:
    return saved / request.param


@pytest.fixture(scope="module")
def converted(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    out = tmp_path_factory.mktemp("converted") / "out"
    assert main(["llama", str(source), str(out), *PRESET]) == 0
    return load_checkpoint(out)


@pytest.mark.parametrize("causal", [True, False])
def test_the_backbone_is_llama(converted: Checkpoint, causal: bool) -> None:
    x = torch.randn(2, LENGTH, published.TINY.backbone.width)
    everybody = torch.zeros(1, 1, LENGTH, LENGTH)
    with torch.inference_mode():
        ours = converted.model.backbone(x, torch.ones(2, LENGTH, dtype=torch.bool), causal=causal)
        mask = None if causal else everybody
        wanted = published.llama().model(inputs_embeds=x, attention_mask=mask, use_cache=False)
    torch.testing.assert_close(ours, wanted.last_hidden_state, atol=1e-4, rtol=1e-4)


def test_words_are_read_and_written_as_by_llama(converted: Checkpoint, source: Path) -> None:
    """From ids to logits: the rows, the head or none, and the shift, behind our markers."""
    theirs = torch.randint(published.WORDS, (2, LENGTH))
    prompt = torch.zeros(2, LENGTH, dtype=torch.bool)
    words = Segment(Modality.TEXT, theirs[..., None] + NUM_MARKERS, prompt, ~prompt)
    model, tied = converted.model, source.name == "llama"
    assert (model.text_head is None) == tied
    with torch.inference_mode():
        (features,) = model.features(OmniSequence((words,)), causal=True)
        ours = model.text_logits(features)[:, 1:, NUM_MARKERS : NUM_MARKERS + published.WORDS]
        wanted = published.llama(tied=tied)(theirs).logits[:, :-1, : published.WORDS]
    torch.testing.assert_close(ours, wanted, atol=1e-4, rtol=1e-4)


def test_the_markers_have_rows_of_their_own(converted: Checkpoint) -> None:
    """None of theirs is lost; the new ones lie near the middle of all, and all differ."""
    rows = converted.model.embeddings.text.weight.detach()
    theirs = published.llama().model.embed_tokens.weight.detach()
    assert torch.equal(rows[NUM_MARKERS:], theirs)
    ours = rows[:NUM_MARKERS] - theirs.mean(0)
    assert 0 < float(ours.std()) < 0.2 * float(theirs.std())
    assert len(ours.unique(dim=0)) == NUM_MARKERS


def test_the_facts_speak_of_parts_that_fit(converted: Checkpoint) -> None:
    assert set(converted.facts["converted"]) == {"llama"}
    assert not {"llama", "qwen"} & set(converted.facts["untrained"])
    assert converted.model.config.backbone.rope_theta == 1e5


def test_the_published_one_fits_its_preset() -> None:
    """SmolLM2-135M has 134.5 million numbers, in rows of which ours has those of the markers."""
    shape = PRESETS["smollm"].backbone
    layer = 2 * shape.width * (shape.heads + shape.kv_heads) * shape.head_dim
    layer += 3 * shape.width * shape.mlp_width + 2 * shape.width
    rows = PRESETS["smollm"].text_vocabulary - NUM_MARKERS
    assert shape.layers * layer + shape.width * (rows + 1) == 134_515_008
    for shared in ("vision", "audio", "text_block", "text_blocks", "image_flow", "time_aligned"):
        assert getattr(PRESETS["smollm"], shared) == getattr(PRESETS["nano"], shared)


BROKEN: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "biases of attention": (
        "llama",
        lambda f: changed(f / "config.json", attention_bias=True),
        r"has biases \(attention_bias\)",
    ),
    "biases of the MLP": (
        "llama",
        lambda f: changed(f / "config.json", mlp_bias=True),
        r"has biases \(mlp_bias\)",
    ),
    "stretched positions": (
        "llama",
        lambda f: changed(
            f / "config.json", rope_parameters={"rope_type": "llama3", "rope_theta": 1e5}
        ),
        r"stretches its positions",
    ),
    "another activation": (
        "llama",
        lambda f: changed(f / "config.json", hidden_act="gelu"),
        r"does not activate with silu",
    ),
    "more words": (
        "llama",
        lambda f: changed(f / "config.json", vocab_size=320),
        r"vocab_size is 320, not 288",
    ),
    "another model": (
        "llama",
        lambda f: changed(f / "config.json", model_type="mistral"),
        r"is a mistral check",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_one_sentence_and_nothing_written(
    case: str, saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refuses(capsys, BROKEN[case], saved, tmp_path, *PRESET)


def test_each_has_its_own_preset(
    saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out")
    line = refused(capsys, "llama", str(saved / "llama"), out, "--preset", "tiny")
    assert "other attention than Llama" in line
    line = refused(capsys, "qwen", str(saved / "qwen"), out, *PRESET)
    assert "other attention than Qwen2" in line


def test_what_no_conversion_has_filled_is_said(tmp_path: Path) -> None:
    published.save(published.clip(), tmp_path / "clip")
    for preset, kind in (("tiny", "qwen"), (published.TINY_LLAMA.name, "llama")):
        out = tmp_path / preset
        assert main(["clip", str(tmp_path / "clip"), str(out), "--preset", preset]) == 0
        assert read_facts(out)["untrained"] == [kind, "whisper"]
