"""Layers over several devices: the plan is by bytes, and nothing but the place changes."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from engine.api.conversation import Conversation
from engine.api.events import Answer, Completed
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from flow.modality import Modality, TokenSpace
from flow.sequence import OmniSequence, prompt, response
from model.config import OmniConfig
from model.loading import pipeline_split
from model.loading.meta_init import WeightLoader, hollow_model
from model.loading.pipeline_split import assign_layers, plan_pipeline
from model.loading.placement import WORKING_BYTES, Placement, estimate, place, weight_bytes
from model.network.adaptive_cache import cached_features, empty_cache, whole_features
from model.presets import PRESETS
from samplers.cuda_graph import can_record

CONFIG = PRESETS["next_omni_7b"]
WORDS = TokenSpace(Modality.TEXT, 1, CONFIG.text_vocabulary, forbidden=(0,))
GPUS = tuple(torch.device("cuda", i) for i in range(3))
HALF = replace(Placement.of("cpu"), dtype=torch.bfloat16, device=GPUS[0], others=GPUS[1:])
GB = 10**9


@pytest.mark.parametrize(
    ("layers", "rooms", "counts"),
    [
        ([5] * 4, [100, 100], (2, 2)),
        ([5] * 4, [100, 10, 100], (2, 0, 2)),
        ([5] * 5, [20, 7], (4, 1)),
        ([5] * 5, [20, 4], None),
        ([5] * 3, [0, 15], (0, 3)),
        ([5], [-3, 4], None),
    ],
)
def test_layers_are_shared_out_by_the_room_that_is_left(
    layers: list[int], rooms: list[int], counts: tuple[int, ...] | None
) -> None:
    assert assign_layers(layers, rooms) == counts


def _free(monkeypatch: pytest.MonkeyPatch, *gigabytes: float) -> None:
    rooms = {d: int(g * GB) for d, g in zip(GPUS, gigabytes, strict=True)}
    monkeypatch.setattr(pipeline_split, "free_bytes", rooms.__getitem__)


def test_every_device_holds_no_more_than_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    _free(monkeypatch, 9, 4, 16)
    placement = plan_pipeline(CONFIG, WORDS, HALF)
    assert plan_pipeline(CONFIG, WORDS, HALF) == placement
    assert len(placement.layers) == CONFIG.backbone.layers
    order = [GPUS.index(device) for device in placement.layers]
    assert order == sorted(order), "layers that follow each other stay together"
    needed = dict.fromkeys(GPUS, WORKING_BYTES)
    needed[GPUS[0]] += estimate(CONFIG, WORDS, HALF).tables
    for name, num in weight_bytes(CONFIG, WORDS, HALF).items():
        layer = int(name.split(".")[2]) if name.startswith("backbone.layers.") else None
        needed[GPUS[0] if layer is None else placement.layers[layer]] += num
    assert all(needed[d] <= g * GB for d, g in zip(GPUS, (9, 4, 16), strict=True))
    assert sum(needed.values()) == estimate(CONFIG, WORDS, HALF).total + 2 * WORKING_BYTES


def test_too_little_on_all_of_them_is_refused_with_the_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _free(monkeypatch, 9, 4, 2)
    says = (
        r"needs about 1\d\.\d GB, \d\.\d GB of it on the first device, and 9\.0 GB on cuda:0 and "
        r"4\.0 GB on cuda:1 and 2\.0 GB on cuda:2 are free: choose --weights int8"
    )
    with pytest.raises(ValueError, match=says):
        plan_pipeline(CONFIG, WORDS, HALF)


def test_more_than_one_is_taken_only_if_needed_where_nobody_named_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    automatic = replace(HALF, if_needed=True)
    _free(monkeypatch, 80, 80, 80)
    assert plan_pipeline(CONFIG, WORDS, automatic) == replace(HALF, others=())
    assert len(set(plan_pipeline(CONFIG, WORDS, HALF).layers)) == 3
    _free(monkeypatch, 12, 80, 80)
    assert set(plan_pipeline(CONFIG, WORDS, automatic).layers) == set(GPUS[1:])


def test_a_device_that_is_named_twice_has_its_memory_once(monkeypatch: pytest.MonkeyPatch) -> None:
    twice = replace(HALF, others=GPUS[:1])
    _free(monkeypatch, 30, 0, 0)
    assert len(plan_pipeline(CONFIG, WORDS, twice).layers) == CONFIG.backbone.layers
    _free(monkeypatch, 18, 0, 0)
    with pytest.raises(ValueError, match=r"9\.0 GB on cuda:0 and 9\.0 GB on cuda:0"):
        plan_pipeline(CONFIG, WORDS, twice)


@pytest.mark.parametrize(
    ("device", "says"),
    [
        ("cpu,meta", "cpu and meta do not share a model: name devices of one kind"),
        ("cpu,tpu9", "unknown device 'tpu9'"),
        ("cpu,", "unknown device ''"),
    ],
)
def test_devices_that_cannot_be_used_are_said(device: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Placement.of(device)


def test_one_graph_is_of_one_gpu() -> None:
    assert can_record(GPUS[:1] * 3)
    assert not can_record(GPUS)
    assert not can_record([torch.device("cpu")])


def _answers(engine: Engine, sampling: Sampling, to: Modality) -> tuple[Answer, ...]:
    *_, last = engine.generate(Request(Conversation.ask("draw a dog"), to, sampling))
    assert isinstance(last, Completed)
    return last.answers


@pytest.mark.parametrize("to", [Modality.IMAGE, Modality.TEXT])
@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(steps=3, guidance_scale=1.0),
        Sampling(steps=3, cache_share=0.5),
        Sampling(sampler="autoregressive"),
    ],
    ids=["plain", "cached", "causal"],
)
def test_two_devices_answer_as_one(
    tiny_checkpoint: Path, tiny_engine: Engine, sampling: Sampling, to: Modality
) -> None:
    engine = Engine.load(tiny_checkpoint, "cpu,cpu")
    assert not engine.info()["recorded"]
    for ours, theirs in zip(
        _answers(engine, sampling, to), _answers(tiny_engine, sampling, to), strict=True
    ):
        assert ours.tokens.tolist() == theirs.tokens.tolist()


@pytest.fixture(params=["auto", "int8"])
def two_places(request: pytest.FixtureRequest) -> Iterator[tuple[OmniConfig, Placement]]:
    """Tensors without numbers, which know their device and refuse to meet those of another."""
    places = torch.device("lazy:0"), torch.device("lazy:1")
    backbone = replace(PRESETS["tiny"].backbone, layers=3)
    config = replace(PRESETS["tiny"], backbone=backbone, text_tied=False)
    placement = replace(
        Placement.of("cpu", weights=request.param),
        device=places[0],
        others=places[1:],
        layers=(places[0], places[1], places[1]),
    )
    with FakeTensorMode(), torch.no_grad():
        yield config, placement


def test_nothing_meets_what_is_on_another_device(
    two_places: tuple[OmniConfig, Placement],
) -> None:
    """Each way through the backbone: at once, from left to right, with kept features."""
    config, placement = two_places
    first, second = placement.devices
    model = hollow_model(config, TokenSpace(Modality.TEXT, 1, config.text_vocabulary))
    filling = WeightLoader(model, placement)
    for name, tensor in model.state_dict().items():
        filling.put(name, torch.empty(tensor.shape))
    backbone = place(model, placement).backbone
    assert backbone.layers_on() == {"lazy:0": 1, "lazy:1": 2}
    ids = torch.zeros(2, 5, 1, dtype=torch.int64, device=first)
    x, valid = model.embed(OmniSequence((prompt(Modality.TEXT, ids), response(Modality.TEXT, ids))))
    hidden = backbone(x, valid, padded=True)
    assert model.text_logits(hidden).device == first
    run = backbone.causal_cache(2, 10)
    assert [keys.device for keys, _ in run.layers] == [first, second, second]
    assert backbone.extend(x, valid, torch.arange(10, device=first), run).device == first
    kept = empty_cache(backbone, 2, 10)
    assert [layer.keys.device for layer in kept] == [first, second, second]
    assert whole_features(backbone, x, valid, kept, padded=True).device == first
    found = cached_features(backbone, x, valid, kept, valid, valid, 3, padded=True)
    assert found.device == first
