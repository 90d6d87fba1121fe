"""Films and changed pictures become examples whose parts belong together."""

from pathlib import Path

import numpy as np
import pytest
import torch

from flow.modality import Modality
from model.network.omni import OmniModel
from model.presets import PRESETS
from model.prompt_template import opened_by
from model.tokenizers.text import TextTokenizer
from training.checkpoints.text_metric import training_texts
from training.data.examples import UNKNOWN, Example, Examples
from training.data.scene_pool import build_pool
from training.data.video_examples import AS_DRAWN, VideoExamples
from training.objectives.corruption import boxes
from training.stages.flow import FlowStage
from training.stages.flow_batches import COPIED_WEIGHT
from world.patch_labels import COLOUR
from world.video.captions import FRAME_REQUESTS, full_video_caption
from world.video.motion import FRAMES, render_video

CONFIG = PRESETS["tiny"]
TEXT, IMAGE, VIDEO = Modality.TEXT, Modality.IMAGE, Modality.VIDEO
NUM = (5, 9, 4)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> VideoExamples:
    return _built(tmp_path_factory.mktemp("films"))


def _model(tokenizer: TextTokenizer) -> OmniModel:
    torch.manual_seed(0)
    return OmniModel(CONFIG, tokenizer.space())


def _built(folder: Path) -> VideoExamples:
    tokenizer = TextTokenizer.train(training_texts(50), CONFIG.text_vocabulary)
    model = _model(tokenizer)
    pool = build_pool(model.vision, 8, folder / "codes.npz")
    words = Examples(pool, tokenizer, CONFIG.text_block, CONFIG.text_blocks)
    return VideoExamples.build(model.vision, words, NUM, folder)


def _modalities(example: Example) -> list[Modality]:
    return [s.modality for s in (*example.spans, example.target)]


@pytest.mark.parametrize("from_image", [False, True])
def test_a_film_follows_its_wish_and_begins_with_its_picture(
    videos: VideoExamples, from_image: bool
) -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        example = videos.video(rng, from_image=from_image)
        assert _modalities(example) == ([TEXT, IMAGE, TEXT, VIDEO] if from_image else [TEXT, VIDEO])
        target = example.target.tokens
        assert target.shape == (FRAMES * CONFIG.vision.positions, CONFIG.vision.num_codebooks)
        if from_image:
            assert torch.equal(example.spans[1].tokens, target[: CONFIG.vision.positions])


def test_what_is_asked_about_a_film_is_answered_from_its_graph(videos: VideoExamples) -> None:
    rng = np.random.default_rng(1)
    tokenizer = videos.words.tokenizer
    captions = [full_video_caption(video) for video in videos.videos]
    described, made = 0, 0
    for _ in range(60):
        example = videos.watch(rng)
        assert _modalities(example) == [TEXT, VIDEO, TEXT, TEXT]
        said = tokenizer.decode(example.target.tokens[:, 0].tolist())
        place = next(
            i
            for i in range(len(videos.videos))
            if torch.equal(example.spans[1].tokens, videos.frames(i).tokens)
        )
        described += len(said) > 6 and captions[place].startswith(said)
        made += opened_by(example.target.tokens[:, 0].tolist()) is not None
    assert made
    assert described > 5


def test_wishes_open_films_and_pictures(videos: VideoExamples) -> None:
    rng = np.random.default_rng(2)
    for _ in range(20):
        video, picture = videos.opened(rng), videos.changed(rng)
        assert _modalities(video) == [TEXT, TEXT]
        assert _modalities(picture) == [TEXT, IMAGE, TEXT, TEXT]
        assert opened_by(video.target.tokens[:, 0].tolist()) is VIDEO
        assert opened_by(picture.target.tokens[:, 0].tolist()) is IMAGE


def test_a_film_gives_its_ends_and_runs_backwards(videos: VideoExamples) -> None:
    rng = np.random.default_rng(4)
    positions = CONFIG.vision.positions
    for _ in range(20):
        frame, rewound = videos.frame(rng), videos.rewound(rng)
        assert _modalities(frame) == [TEXT, VIDEO, TEXT, IMAGE]
        shown = frame.spans[1].tokens.unflatten(0, (FRAMES, positions))
        wish = videos.words.tokenizer.decode(frame.spans[2].tokens[1:, 0].tolist())
        number = next(n for w, n in FRAME_REQUESTS.items() if wish.startswith(w))
        assert torch.equal(frame.target.tokens, shown[number])
        assert _modalities(rewound) == [TEXT, VIDEO, TEXT, VIDEO]
        forwards, backwards = (
            span.tokens.unflatten(0, (FRAMES, positions))
            for span in (rewound.spans[1], rewound.target)
        )
        assert torch.equal(backwards, forwards.flip(0))


def test_an_edit_goes_from_the_picture_before_to_the_one_after(videos: VideoExamples) -> None:
    rng = np.random.default_rng(3)
    known, unnamed = (p.astype(np.int64) for p in (videos._edit_codes, videos._unnamed_codes))
    seen = {True: 0, False: 0}
    for _ in range(60):
        example = videos.edit(rng)
        assert _modalities(example) == [TEXT, IMAGE, TEXT, IMAGE]
        pair = [example.spans[1].tokens.numpy(), example.target.tokens.numpy()]
        is_unnamed = any(np.array_equal(p, pair) for p in unnamed)
        assert is_unnamed or any(np.array_equal(p, pair) for p in known)
        assert example.given is not None
        assert example.shown is not None
        for facts in (example.given, example.shown):
            assert (facts[:, COLOUR] == UNKNOWN).all() == is_unnamed
        seen[is_unnamed] += 1
    assert seen[False] > seen[True] > 0


def test_of_a_changed_picture_what_was_changed_weighs_more(videos: VideoExamples) -> None:
    tokenizer = videos.words.tokenizer
    stage = FlowStage(_model(tokenizer), tokenizer, videos.words, videos=videos)
    for step in range(6):
        batch = stage._edit_batch(np.random.default_rng(step))
        before, *_, after = (s.tokens for s in batch.sequence.segments if s.modality is not TEXT)
        if before.shape == after.shape:
            copied = (before == after).all(-1)
            assert 0.1 < float(copied.float().mean()) < 1
            assert torch.equal(batch.weight, torch.where(copied, COPIED_WEIGHT, 1.0))


def test_words_alone_never_lead_to_a_film_that_goes_on_from_a_picture(
    videos: VideoExamples,
) -> None:
    rng = np.random.default_rng(5)
    drawn = videos.frames(AS_DRAWN - 1).tokens
    found = {
        from_image: [
            torch.equal(videos.video(rng, from_image=from_image).target.tokens, drawn)
            for _ in range(60)
        ]
        for from_image in (False, True)
    }
    assert not any(found[False])
    assert any(found[True])


def test_films_are_encoded_frame_by_frame_and_once(videos: VideoExamples, tmp_path: Path) -> None:
    first = _built(tmp_path)
    written = (tmp_path / "films.npz").stat().st_mtime_ns
    again = _built(tmp_path)
    assert (tmp_path / "films.npz").stat().st_mtime_ns == written
    assert np.array_equal(first._video_codes, again._video_codes)
    for video, codes in zip(first.videos, first._video_codes, strict=True):
        frames = render_video(video)
        for frame, found in zip(frames, codes, strict=True):
            if np.array_equal(frame, frames[0]):
                assert np.array_equal(found, codes[0])


def test_boxes_are_boxes_and_never_empty() -> None:
    found = boxes(np.random.default_rng(0), 200, 8).view(-1, 8, 8)
    rows, columns = found.any(2), found.any(1)
    assert bool((rows[:, :, None] & columns[:, None]).eq(found).all())
    sizes = found.sum((1, 2))
    assert int(sizes.min()) >= 1
    assert int(sizes.max()) >= 40


def test_lessons_of_films_show_some_frames_and_what_moves_weighs_more(
    videos: VideoExamples,
) -> None:
    tokenizer = videos.words.tokenizer
    stage = FlowStage(_model(tokenizer), tokenizer, videos.words, videos=videos)
    a_frame, in_part = CONFIG.required_vision.positions, 0
    for step in range(12):
        batch = stage._video_batch(np.random.default_rng(step))
        codes = batch.sequence.segments[-1].tokens.unflatten(1, (FRAMES, a_frame))
        moves = (codes != codes[:, :1]).any(-1).any(1).repeat(1, FRAMES)
        assert torch.equal(batch.weight, torch.where(moves, 1.0, COPIED_WEIGHT))
        if batch.kept is not None:
            in_part += 1
            before = batch.sequence.length - FRAMES * a_frame
            assert batch.kept.shape[1] == before + 2 * a_frame
    assert in_part


def test_a_lesson_of_each_kind_about_films_has_gradients(videos: VideoExamples) -> None:
    tokenizer = videos.words.tokenizer
    stage = FlowStage(_model(tokenizer), tokenizer, videos.words, videos=videos)
    for kind in ("film", "watch"):
        steps = [step for step in range(300) if stage.mixture[step % len(stage.mixture)] == kind]
        for step in steps[:6]:
            loss, _, _ = stage.loss(step)
            loss.backward()
            assert torch.isfinite(loss)
    place = stage.model.embeddings.video_place.grad
    assert place is not None
    assert float(place.abs().sum()) > 0


def test_what_stays_of_a_changed_picture_is_there_already_in_some_batches(
    videos: VideoExamples,
) -> None:
    tokenizer = videos.words.tokenizer
    stage = FlowStage(_model(tokenizer), tokenizer, videos.words, videos=videos)
    batches = [stage._edit_batch(np.random.default_rng(step)) for step in range(40)]
    changes = [b for b in batches if b.stays is not None]
    kept = [stage._there(b, np.random.default_rng(i)) for i, b in enumerate(changes)]
    there = [(b.stays, k) for b, k in zip(changes, kept, strict=True) if k is not None]
    assert 0 < len(there) < len(changes)
    for stays, places in there:
        assert stays is not None
        assert not (places & ~stays).any()
        assert places.any()


def test_runs_that_follow_each_other_draw_other_examples(videos: VideoExamples) -> None:
    tokenizer = videos.words.tokenizer
    model = _model(tokenizer)

    def drawn(data_seed: int) -> dict[str, float]:
        stage = FlowStage(
            model, tokenizer, videos.words, videos=videos, tasks=("image",), data_seed=data_seed
        )
        return stage.loss(0)[1]

    assert drawn(7)["image"] == drawn(7)["image"] != drawn(8)["image"]
