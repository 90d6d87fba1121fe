"""What the middle holds is read off the recorded states alone, step by step."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.api.conversation import Conversation
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from engine.inspection.probes import POSITIONS_AT_ONCE, ProbeReadout, read_probes
from engine.inspection.trace import Trace
from flow.modality import Modality
from model.loading.checkpoint import load_checkpoint, save_checkpoint
from model.network.probes import LANDMARKS, PICTURE, LinearProbes, load_landmarks

NAMES = {PICTURE: (("", "dog", "cat"), ("", "red"), ("", "1.1", "1.2"))}
REQUEST = Request(Conversation.ask("draw a red dog"), Modality.IMAGE, Sampling(steps=3))


@pytest.fixture
def heads() -> LinearProbes:
    torch.manual_seed(1)
    return LinearProbes(32, 0, NAMES)


@pytest.fixture
def engine(tiny_checkpoint: Path, heads: LinearProbes, tmp_path: Path) -> Engine:
    checkpoint = load_checkpoint(tiny_checkpoint)
    save_checkpoint(tmp_path, checkpoint.model, checkpoint.tokenizer, checkpoint.facts)
    heads.save(tmp_path)
    return Engine.load(tmp_path, "cpu")


def recorded(engine: Engine, request: Request) -> Trace:
    recorder = engine.recorder()
    for event in engine.generate(request, watch=2):
        recorder.see(event)
    return recorder.trace()


def test_every_state_is_asked_by_itself(engine: Engine) -> None:
    trace = recorded(engine, REQUEST)
    found = engine.inspector.read_probes(trace, 0)
    assert found is not None
    states = trace.segments[0].arrays["x_t"]
    assert found.object.shape == found.colour.shape == found.sure.shape == states.shape[:2]
    assert (found.objects, found.colours) == NAMES[PICTURE][:2]
    assert 1 / 3 < found.sure.min() <= found.sure.max() <= 1
    turned = {name: array[::-1] for name, array in trace.segments[0].arrays.items()}
    backwards = replace(trace, segments=(replace(trace.segments[0], arrays=turned),))
    again = engine.inspector.read_probes(backwards, 0)
    assert again is not None
    assert np.allclose(again.sure[::-1], found.sure, atol=1e-5)


def test_it_is_what_a_hook_behind_that_layer_sees(engine: Engine, heads: LinearProbes) -> None:
    states = recorded(engine, REQUEST).segments[0].arrays["x_t"]
    prompt = engine.builder.prompt_of(REQUEST, Modality.IMAGE)
    seen: list[torch.Tensor] = []
    hook = engine.model.backbone.layers[heads.behind].register_forward_hook(
        lambda layer, given, output: seen.append(output[0])
    )
    found = read_probes(engine.model, heads, prompt, states, Modality.IMAGE)
    hook.remove()
    (middle,) = seen
    objects = heads.logits(middle[:, -states.shape[1] :], PICTURE)[0]
    assert np.array_equal(objects.argmax(-1).numpy(), found.object)


def test_many_states_are_asked_in_parts(engine: Engine, heads: LinearProbes) -> None:
    states = recorded(engine, REQUEST).segments[0].arrays["x_t"][:1]
    many = np.repeat(states, POSITIONS_AT_ONCE // 4, 0)
    found = read_probes(
        engine.model, heads, engine.builder.prompt_of(REQUEST, Modality.IMAGE), many, Modality.IMAGE
    )
    assert isinstance(found, ProbeReadout)
    assert len(found.object) == len(many)
    assert np.allclose(found.sure, found.sure[:1], atol=1e-5)


def test_the_words_before_a_picture_are_in_its_prompt(engine: Engine) -> None:
    trace = recorded(engine, REQUEST)
    words = recorded(engine, replace(REQUEST, to=Modality.TEXT)).segments[0]
    behind = replace(trace, segments=(replace(words, text="a cat"), *trace.segments))
    alone, after = engine.inspector.read_probes(trace, 0), engine.inspector.read_probes(behind, 1)
    assert alone is not None
    assert after is not None
    assert not np.allclose(alone.sure, after.sure)
    assert engine.inspector.read_probes(behind, 0) is None, "words hold nothing at places"


def test_states_of_another_model_are_refused(engine: Engine, heads: LinearProbes) -> None:
    prompt = engine.builder.prompt_of(REQUEST, Modality.IMAGE)
    with pytest.raises(ValueError, match="no states of a image of this checkpoint"):
        read_probes(engine.model, heads, prompt, np.full((1, 4, 4), 99), Modality.IMAGE)


def test_a_checkpoint_without_heads_is_not_asked(tiny_engine: Engine) -> None:
    assert not tiny_engine.info()["believes"]
    assert tiny_engine.inspector.read_probes(recorded(tiny_engine, REQUEST), 0) is None


def test_heads_come_back_from_their_file(heads: LinearProbes, tmp_path: Path) -> None:
    assert load_landmarks(tmp_path, 32) is None
    heads.save(tmp_path)
    again = load_landmarks(tmp_path, 32)
    assert again is not None
    assert (again.behind, again.names) == (heads.behind, heads.names)
    features = torch.randn(5, 32)
    for one, other in zip(
        heads.logits(features, PICTURE), again.logits(features, PICTURE), strict=True
    ):
        assert torch.allclose(one, other, atol=1e-2)


@pytest.mark.parametrize("broken", ["width", "bytes"])
def test_heads_that_do_not_fit_are_named(heads: LinearProbes, tmp_path: Path, broken: str) -> None:
    heads.save(tmp_path)
    if broken == "bytes":
        (tmp_path / LANDMARKS).write_bytes(b"not heads")
    with pytest.raises(ValueError, match=r"landmarks\.safetensors holds no heads that fit"):
        load_landmarks(tmp_path, 16 if broken == "width" else 32)
