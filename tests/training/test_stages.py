"""A tiny model learns one batch by heart; a run resumes where it was saved; noise is what it
should be."""

import copy
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from flow.modality import Modality
from flow.schedule import PAPER, TUNED
from model.network.omni import OmniModel
from model.presets import PRESETS
from model.tokenizers.image import VisionTokenizer
from model.tokenizers.text import BEGIN_IMAGE, EOS, SUGGEST, TextTokenizer
from training.checkpoints.text_metric import training_texts, word_vectors
from training.data.examples import UNNAMED_SHARE, Examples, collate
from training.data.scene_pool import build_pool, build_unnamed
from training.loop.budgeted_loop import Budget, train
from training.stages.flow import FlowStage
from training.stages.vision import VisionStage
from world.concepts import COLOURABLE, OBJECT_COLOURS, held_out
from world.image.scenes import Scene, held_out_pairs
from world.text.dialogue import Kind

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> FlowStage:
    torch.manual_seed(0)
    config = PRESETS["tiny"]
    tokenizer = TextTokenizer.train(training_texts(50), config.text_vocabulary)
    model = OmniModel(config, tokenizer.space())
    pool = build_pool(model.vision, 40, tmp_path_factory.mktemp("pool") / "codes.npz")
    return FlowStage(model, tokenizer, Examples(pool, tokenizer, 32))


def test_overfits_one_picture_batch(stage: FlowStage) -> None:
    rng = np.random.default_rng(0)
    batch = collate([stage.examples.picture(rng) for _ in range(4)], CPU)
    optimiser = torch.optim.AdamW(stage.model.parameters(), lr=5e-3)
    losses: list[float] = []
    for step in range(60):
        noised = stage._on_path(batch, np.random.default_rng(step % 3))
        loss, _ = stage._losses("image", batch, noised, rng)
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-6:]) < 0.4 * np.mean(losses[:6])


def test_every_mode_has_a_finite_loss_and_gradient(stage: FlowStage) -> None:
    for step in range(24):
        loss, figures, _ = stage.loss(step)
        loss.backward()
        assert np.isfinite(list(figures.values())).all()
    gradient = stage.model.image_head.enter.weight.grad
    assert gradient is not None
    assert bool(gradient.isfinite().all())
    assert all(p.grad is None for p in stage.model.vision.parameters())
    stage.model.zero_grad()


def test_a_held_out_colour_is_seen_and_never_named(
    stage: FlowStage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unnamed = build_unnamed(stage.model.vision, 30, tmp_path / "unnamed.npz")
    assert all(held_out_pairs(scene) for scene in unnamed.scenes)
    assert all(c in OBJECT_COLOURS for s in unnamed.scenes for c, _ in held_out_pairs(s))
    examples = Examples(stage.examples.pool, stage.tokenizer, 32, unnamed=unnamed)
    draw, drawn = unnamed.draw, list[Scene]()
    monkeypatch.setattr(unnamed, "draw", lambda rng: drawn.append(draw(rng)) or drawn[-1])
    rng = np.random.default_rng(4)
    pairs = [(c, n) for c in OBJECT_COLOURS for n in COLOURABLE if held_out(c, n)]
    for _ in range(400):
        example = examples.picture(rng)
        words = stage.tokenizer.decode(example.spans[0].tokens[2:, 0].tolist())
        assert not any(f"{colour} {name}" in words for colour, name in pairs)
    assert abs(len(drawn) - 400 * UNNAMED_SHARE) < 20


def test_masked_loss_is_weighted_by_one_over_t(stage: FlowStage) -> None:
    """In expectation every position counts as often as it has weight."""
    rng = np.random.default_rng(1)
    batch = collate([stage.examples.picture(rng) for _ in range(8)], CPU)
    weights = [float(stage._masked(batch, rng).weight.mean()) for _ in range(400)]
    assert np.mean(weights) == pytest.approx(1.0, abs=0.06)
    noised = stage._masked(batch, rng)
    masked = noised.sequence.segments[-1].tokens == stage.model.spaces[Modality.IMAGE].mask_id
    assert torch.equal(masked, noised.weight > 0)


def test_answers_end_with_the_markers_that_drive_the_page(stage: FlowStage) -> None:
    rng = np.random.default_rng(2)
    examples = Examples(stage.examples.pool, stage.tokenizer, 128)
    for kind, marker in ((Kind.DRAW, BEGIN_IMAGE), (Kind.OUT_OF_DOMAIN, SUGGEST)):
        ids = examples.answer(rng, kind).target.tokens[:, 0].tolist()
        assert ids[ids.index(EOS) - 1] == marker


def test_word_vectors_put_words_of_one_kind_together() -> None:
    texts = training_texts(600)
    tokenizer = TextTokenizer.train(texts, 1024)
    vectors = word_vectors(tokenizer, texts, 32)
    assert torch.allclose(vectors.norm(dim=1), torch.ones(1024), atol=1e-5)
    ids = {w: tokenizer.encode(w)[0] for w in ("red", "blue", "dog", "cat", "above", "below")}
    near = {(a, b): float(vectors[ids[a]] @ vectors[ids[b]]) for a in ids for b in ids}
    assert near["red", "blue"] > near["red", "dog"]
    assert near["dog", "cat"] > near["dog", "above"]
    assert near["above", "below"] > near["above", "cat"]


def test_training_resumes_where_it_was_saved(tmp_path: Path) -> None:
    torch.manual_seed(0)
    budget = Budget(minutes=0.05, save_every_s=1.0)
    for resume in (False, True):
        stage = VisionStage(PRESETS["tiny"].vision, CPU)
        train(stage, tmp_path, budget, resume=resume)
    counts = torch.load(tmp_path / "state.pt", weights_only=True)["counts"]
    reports = [
        row for row in map(json.loads, (tmp_path / "log.jsonl").read_text().splitlines())
        if "report" in row
    ]  # fmt: skip
    assert len(reports) == 2
    assert reports[1]["step"] == counts[0] > reports[0]["step"] > 0
    assert reports[1]["report"]["psnr"] > 5
    assert (tmp_path / "sheet.png").exists()


def test_a_run_goes_on_under_another_optimiser(tmp_path: Path) -> None:
    for resume, muon in ((False, False), (True, True), (True, True)):
        stage = VisionStage(PRESETS["tiny"].vision, CPU)
        budget = Budget(minutes=0.03, muon=muon)
        train(stage, tmp_path, budget, resume=resume)
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    assert len(state["optimisers"]) == 2
    assert all(bool(p.isfinite().all()) for p in state["average"].values())


def test_the_pool_is_made_anew_for_other_scenes(stage: FlowStage, tmp_path: Path) -> None:
    vision, cache = stage.model.vision, tmp_path / "codes.npz"
    first = build_pool(vision, 12, cache)
    written = cache.stat().st_mtime_ns
    assert np.array_equal(build_pool(vision, 12, cache).codes, first.codes)
    assert cache.stat().st_mtime_ns == written
    assert len(build_pool(vision, 16, cache).codes) == 16
    assert cache.stat().st_mtime_ns > written


def test_the_pool_is_made_anew_by_another_tokenizer(stage: FlowStage, tmp_path: Path) -> None:
    """Not by the same one as a checkpoint keeps it, in half precision."""
    cache, other = tmp_path / "codes.npz", VisionTokenizer(PRESETS["tiny"].required_vision)
    first = build_pool(stage.model.vision, 12, cache).codes
    written = cache.stat().st_mtime_ns
    build_pool(copy.deepcopy(stage.model.vision).half().float(), 12, cache)
    assert cache.stat().st_mtime_ns == written
    assert not np.array_equal(build_pool(other, 12, cache).codes, first)


def test_nothing_to_resume_is_said(tmp_path: Path) -> None:
    stage = VisionStage(PRESETS["tiny"].vision, CPU)
    with pytest.raises(ValueError, match="nothing to resume"):
        train(stage, tmp_path, Budget(minutes=0.01), resume=True)


def test_times_lie_evenly_in_the_chosen_clock(stage: FlowStage) -> None:
    rng = np.random.default_rng(0)
    tuned = FlowStage(stage.model, stage.tokenizer, stage.examples, "tuned")
    plain = np.sort(stage._times(rng, 400, Modality.IMAGE))
    assert plain == pytest.approx((np.arange(400) + 0.5) / 400, abs=1 / 400)
    even = [TUNED.t_of_beta(PAPER.beta(float(t))) for t in tuned._times(rng, 400, Modality.IMAGE)]
    assert np.sort(even)[:-1] == pytest.approx((np.arange(399) + 0.5) / 400, abs=1 / 400)
    words = np.sort(tuned._times(rng, 400, Modality.TEXT))
    assert words == pytest.approx((np.arange(400) + 0.5) / 400, abs=1 / 400)


@pytest.mark.parametrize("kind", ["flow", "masked", "autoregressive"])
def test_a_model_for_one_sampler_is_seen_in_its_view_alone(stage: FlowStage, kind: str) -> None:
    own = replace(stage.model.config, samplers=(kind,))
    stage.model.config, before = own, stage.model.config
    try:
        for step in range(20):
            rng = np.random.default_rng(step)
            batch = stage._image_batch(rng)
            noised = stage._noised(batch, rng)
            codes = batch.sequence.segments[-1].tokens
            seen = noised.sequence.segments[-1].tokens
            masked = (seen == stage.model.spaces[Modality.IMAGE].mask_id).all(-1)
            assert noised.causal == (kind == "autoregressive")
            assert torch.equal(seen, codes) == (kind == "autoregressive")
            assert bool(masked.any()) == (kind == "masked")
    finally:
        stage.model.config = before
