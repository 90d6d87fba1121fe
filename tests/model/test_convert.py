"""Converted checkpoints give the numbers of transformers', and only the named part is replaced."""

import json
import shutil
import weakref
from pathlib import Path

import pytest
import torch
from torch import Tensor

from engine.api.conversation import Conversation
from engine.api.events import Completed
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from flow.modality import Modality
from flow.sequence import OmniSequence, Segment
from model.convert import writer
from model.convert.__main__ import main
from model.convert.writer import Staging
from model.loading.checkpoint import Checkpoint, load_checkpoint
from model.loading.tensor_file import contents, tensors
from model.network.omni import OmniModel
from model.tokenizers.image import pixels_from_uint8
from model.tokenizers.text import NUM_MARKERS
from tests.model import published

KINDS = ("qwen", "clip", "whisper")
LENGTH = 11


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    published.save_tokenizer(published.save(published.qwen(), folder / "qwen", shards=3))
    published.save(published.clip(), folder / "clip")
    published.save(published.whisper(), folder / "whisper", shards=2)
    return folder


@pytest.fixture(scope="module")
def out(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All three, one after the other."""
    folder = tmp_path_factory.mktemp("converted") / "out"
    for kind in KINDS:
        preset = [] if folder.exists() else ["--preset", "tiny"]
        assert main([kind, str(sources / kind), str(folder), *preset]) == 0
    return folder


@pytest.fixture(scope="module")
def converted(out: Path) -> Checkpoint:
    return load_checkpoint(out)


def _stored(folder: Path) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for file in sorted(folder.glob("model-*.safetensors")):
        part = dict(tensors(file, list(contents(file))))
        assert not set(part) & set(found), "a tensor lies in two shards"
        found |= part
    return found


@pytest.mark.parametrize("causal", [True, False])
def test_the_backbone_is_qwen2(converted: Checkpoint, causal: bool) -> None:
    theirs = published.qwen()
    x = torch.randn(2, LENGTH, published.TINY.backbone.width)
    everybody = {"full_attention": torch.zeros(1, 1, LENGTH, LENGTH)}
    with torch.inference_mode():
        ours = converted.model.backbone(x, torch.ones(2, LENGTH, dtype=torch.bool), causal=causal)
        mask = None if causal else everybody
        wanted = theirs.model(inputs_embeds=x, attention_mask=mask, use_cache=False)
    torch.testing.assert_close(ours, wanted.last_hidden_state, atol=1e-4, rtol=1e-4)


def test_words_are_read_and_written_as_by_qwen2(converted: Checkpoint) -> None:
    """From ids to logits: the rows, the head and the shift, behind our markers."""
    theirs = torch.randint(published.WORDS, (2, LENGTH))
    prompt = torch.zeros(2, LENGTH, dtype=torch.bool)
    words = Segment(Modality.TEXT, theirs[..., None] + NUM_MARKERS, prompt, ~prompt)
    model = converted.model
    with torch.inference_mode():
        (features,) = model.features(OmniSequence((words,)), causal=True)
        ours = model.text_logits(features)[:, 1:, NUM_MARKERS : NUM_MARKERS + published.WORDS]
        wanted = published.qwen()(theirs).logits[:, :-1, : published.WORDS]
    torch.testing.assert_close(ours, wanted, atol=1e-4, rtol=1e-4)


def test_words_are_cut_as_by_their_tokenizer(converted: Checkpoint, sources: Path) -> None:
    theirs = published.Tokenizer.from_file(str(sources / "qwen" / "tokenizer.json"))
    text = "A red heart, above a Dög"
    ids = converted.tokenizer.encode(text)
    assert [i - NUM_MARKERS for i in ids] == theirs.encode(text).ids
    assert converted.tokenizer.decode(ids) == text
    assert len(ids) < len(text.encode())


def test_near_words_have_near_codes(converted: Checkpoint) -> None:
    """The distances of the path are those of the rows, as far as so few numbers hold them."""
    rows = converted.model.embeddings.text.weight
    codes = converted.model.text_metric_codes
    torch.testing.assert_close(codes.norm(dim=-1), torch.ones(len(codes)), atol=1e-2, rtol=0)
    middle = torch.nn.functional.normalize(rows - rows.mean(0), dim=-1)
    both = torch.stack([(middle @ middle.T).flatten(), (codes @ codes.T).flatten()])
    assert float(both.corrcoef()[0, 1]) > 0.5


@pytest.mark.parametrize("image_px", [28, 32])
def test_pictures_are_seen_as_by_clip(converted: Checkpoint, image_px: int) -> None:
    """At its own size its processor's pixels; at ours the picture is resized first."""
    images = torch.randint(0, 256, (2, image_px, image_px, 3), dtype=torch.uint8)
    encoder = converted.model.vision.clip
    assert encoder is not None
    pixels = pixels_from_uint8(images)
    entering = encoder.entering(pixels)
    if image_px == 28:
        mean = torch.tensor([0.48145466, 0.4578275, 0.40821073])
        std = torch.tensor([0.26862954, 0.26130258, 0.27577711])
        processed = ((images / 255 - mean) / std).permute(0, 3, 1, 2)
        torch.testing.assert_close(entering, processed, atol=1e-5, rtol=1e-5)
    with torch.inference_mode():
        wanted = published.clip().vision_model(pixel_values=entering).last_hidden_state[:, 1:]
        torch.testing.assert_close(encoder(pixels), wanted, atol=1e-4, rtol=1e-4)


def test_pictures_become_codes(converted: Checkpoint) -> None:
    pixels = torch.rand(2, 3, 32, 32) * 2 - 1
    codes = converted.model.vision.encode(pixels)
    assert codes.shape == (2, 4, published.TINY.vision.num_codebooks)
    assert converted.model.vision.decode(codes).shape == pixels.shape


def test_sound_is_heard_as_by_whisper(converted: Checkpoint) -> None:
    mel = torch.randn(2, 20, 2 * published.POSITIONS)
    theirs = published.whisper().model.encoder
    with torch.inference_mode():
        wanted = theirs(mel, output_hidden_states=True)
        found = converted.model.audio.encoder(mel)
    for ours, layer in zip(found[:-1], wanted.hidden_states, strict=False):
        torch.testing.assert_close(ours, layer, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found[-1], wanted.last_hidden_state, atol=1e-4, rtol=1e-4)


def test_every_number_is_the_source_s(out: Path) -> None:
    """Bit for bit, in the numbers of the source."""
    ours = _stored(out)
    qwen = dict(published.qwen().state_dict())
    for name, tensor in qwen.items():
        place = f"backbone.{name.removeprefix('model.')}"
        if "layers." in name or "norm" in name:
            assert torch.equal(ours[place], tensor)
    for name, theirs in (
        ("embeddings.text.weight", qwen["model.embed_tokens.weight"]),
        ("text_head.weight", qwen["lm_head.weight"]),
    ):
        assert torch.equal(ours[name][NUM_MARKERS:], theirs[:-NUM_MARKERS])
        assert torch.equal(ours[name][:NUM_MARKERS], theirs[-NUM_MARKERS:])
    for name, tensor in published.whisper().model.encoder.state_dict().items():
        if "embed_positions" not in name:
            assert torch.equal(ours[f"audio.encoder.{name}"], tensor)
    assert not ours["text_bias"].any()


def test_the_converted_checkpoint_answers(out: Path) -> None:
    engine = Engine.load(out, "cpu")
    wish = Request(Conversation.ask("A red heart"), Modality.TEXT, Sampling(steps=2))
    events = list(engine.generate(wish))
    assert isinstance(events[-1], Completed)
    facts = engine.info()["facts"]
    assert set(facts["converted"]) == set(KINDS)
    assert facts["converted"]["qwen"]["architecture"] == "Qwen2ForCausalLM"


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_named_part_is_replaced(
    kind: str, out: Path, sources: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(out, tmp_path / "out"))
    before = _stored(folder)
    source = Path(shutil.copytree(sources / kind, tmp_path / "other"))
    for file in source.glob("*.safetensors"):
        published.save_file(
            {
                name: tensor if "embed_positions" in name else tensor * 2
                for name, tensor in tensors(file, list(contents(file)))
            },
            file,
        )
    assert main([kind, str(source), str(folder)]) == 0
    parts = {
        "qwen": ("backbone.", "embeddings.text.", "text_head."),
        "clip": ("vision.clip.",),
        "whisper": ("audio.encoder.",),
    }[kind]
    after = _stored(folder)
    assert set(after) == set(before)
    for name, tensor in after.items():
        factor = 2 if name.startswith(parts) else 1
        if name != "text_metric_codes":
            assert torch.equal(tensor, before[name] * factor), name
    assert load_checkpoint(folder).model.config == load_checkpoint(out).model.config
    assert f"filled: {sum(n.startswith(parts) for n in after)} tensors" in capsys.readouterr().out


def test_the_order_does_not_matter(out: Path, sources: Path, tmp_path: Path) -> None:
    for kind in reversed(KINDS):
        assert main([kind, str(sources / kind), str(tmp_path / "o"), "--preset", "tiny"]) == 0
        load_checkpoint(tmp_path / "o")
    forward, backward = _stored(out), _stored(tmp_path / "o")
    assert {n: t.shape for n, t in forward.items()} == {n: t.shape for n, t in backward.items()}
    for name in forward:
        if name.startswith(("backbone.", "embeddings.text.", "vision.clip.", "audio.encoder.")):
            assert torch.equal(forward[name], backward[name])


def test_tied_words_and_half_precision(tmp_path: Path) -> None:
    source = published.save(published.qwen(tied=True).bfloat16(), tmp_path / "source")
    published.save_tokenizer(source)
    assert main(["qwen", str(source), str(tmp_path / "out"), "--preset", "tiny"]) == 0
    stored = _stored(tmp_path / "out")
    assert "text_head.weight" not in stored
    assert stored["backbone.norm.weight"].dtype is torch.bfloat16
    model = load_checkpoint(tmp_path / "out").model
    assert model.text_head is None
    assert model.backbone.norm.weight.dtype is torch.float32


def test_a_trained_checkpoint_keeps_the_rest(
    tiny_checkpoint: Path, tiny_model: OmniModel, sources: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny_checkpoint, tmp_path / "out"))
    assert main(["whisper", str(sources / "whisper"), str(folder)]) == 0
    before, after = _stored(tiny_checkpoint), _stored(folder)
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    assert changed == {n for n in before if n.startswith("audio.encoder.")}
    assert load_checkpoint(folder).tokenizer.encode("a dog")


def test_a_checkpoint_of_before_there_was_a_choice_is_read_as_it_was(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny_checkpoint, tmp_path / "old"))
    config = json.loads((folder / "config.json").read_text())
    del config["text_tied"], config["vision"]["clip"]
    (folder / "config.json").write_text(json.dumps(config))
    old, new = load_checkpoint(folder).model, load_checkpoint(tiny_checkpoint).model
    assert old.config == new.config
    for name, tensor in new.state_dict().items():
        assert torch.equal(tensor, old.state_dict()[name])


def test_new_layers_spread_as_those_of_a_new_model(
    tmp_path: Path, sources: Path, tiny_model: OmniModel
) -> None:
    assert main(["whisper", str(sources / "whisper"), str(tmp_path / "o"), "--preset", "tiny"]) == 0
    torch.manual_seed(0)
    wanted = OmniModel(tiny_model.config, tiny_model.spaces[Modality.TEXT]).state_dict()
    for name, tensor in _stored(tmp_path / "o").items():
        if name.startswith(("backbone.", "image_head.")):
            found = float(tensor.float().std())
            assert abs(found - float(wanted[name].std())) < 0.25 * found + 1e-3, name


def test_one_tensor_at_a_time_is_in_memory(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits to be written, and the tensor that arrives beside the one that leaves."""
    monkeypatch.setattr(writer, "SHARD_BYTES", 1000)
    alive: dict[int, int] = {}
    peaks: list[int] = []
    add = Staging.add

    def watched(self: Staging, name: str, tensor: Tensor) -> None:
        alive[id(tensor)] = tensor.nbytes
        weakref.finalize(tensor, alive.pop, id(tensor), None)
        peaks.append(sum(alive.values()))
        add(self, name, tensor)

    monkeypatch.setattr(Staging, "add", watched)
    assert main(["whisper", str(sources / "whisper"), str(tmp_path / "o"), "--preset", "tiny"]) == 0
    encoder = [t for n, t in _stored(tmp_path / "o").items() if n.startswith("audio.encoder.")]
    filled = peaks[: len(encoder)]
    assert max(filled) <= 1000 + 2 * max(t.nbytes for t in encoder)
    assert sum(t.nbytes for t in encoder) > 2 * max(filled)
