"""Cross-modal retrieval of held-out scenes, videos and edits; a hit has the same scene graph.

A baseline has two separate representations: the mean code of the image tokenizer, and word counts
mapped onto it. Owns: queries, items and recall. Does not own: the vectors
(`engine.engine.Engine.embed`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from engine.api.conversation import Part
from engine.engine import Engine
from evaluation.result import Measurement, share, share_metrics
from model.tokenizers.image import pixels_from_uint8
from world.audio.speech import Clip, scene_of
from world.edits.edits import Change
from world.edits.sampling import sample_edit
from world.image.rendering import render
from world.image.scenes import Scene, sample_scene
from world.text.captions import full_caption
from world.video.captions import full_video_caption
from world.video.motion import render_video, sample_video

K = 5
MOST_FILMS = 200
FITTED, RIDGE = 2000, 1.0
"""Training scenes of the baseline's ridge regression, and its penalty."""
ENCODED = 64


@dataclass(frozen=True)
class Search:
    """Query vectors "Q D" and item vectors "N D", with the key of each."""

    queries: np.ndarray
    items: np.ndarray
    wanted: Sequence[str]
    keys: Sequence[str]

    def hits(self, k: int = K) -> list[bool]:
        """Return whether one of the k items nearest to each query has its key."""
        best = np.argsort(-self.queries @ self.items.T, axis=1, kind="stable")[:, :k]
        pairs = zip(self.wanted, best.tolist(), strict=True)
        return [wanted in {self.keys[i] for i in row} for wanted, row in pairs]


def evaluate(engine: Engine, clips: Sequence[Clip], num: int, seed: int) -> Measurement:
    """Return recall at 5, in [0, 1], with 95 percent intervals.

    text_to_image, image_to_text: num held-out scenes and all that can be said of them.
    text_to_video: at most 200 held-out films. speech_to_image: the clips that describe a scene, or
    wish for one, among the num pictures and their own. composed: a picture and what to change, of
    num / 2 held-out changes, among both pictures of each. decoupled_text_to_image: see above. The
    judge's figures are those of chance. Raises ValueError where num is below 2, or the checkpoint
    was not trained to find things.

    """
    if num < 2:
        raise ValueError(f"--num must be at least 2 for retrieval, not {num}")
    if not engine.model.config.has_embedding:
        raise ValueError("this checkpoint was not trained to find things: choose one that was")
    rng = np.random.default_rng((seed, 7))
    scenes = [sample_scene(rng, test=True) for _ in range(num)]
    keys = [full_caption(s) for s in scenes]
    pictures = [render(s) for s in scenes]
    seen, read = _embedded(engine, [(Part(image=p),) for p in pictures]), _texts(engine, keys)
    searches = {
        "text_to_image": Search(read, seen, keys, keys),
        "image_to_text": Search(seen, read, keys, keys),
        "composed": _composed(engine, rng, max(num // 2, 1)),
        "decoupled_text_to_image": _decoupled(engine, rng, keys, pictures),
    }
    if engine.model.config.video_frames:
        searches["text_to_video"] = _filmed(engine, rng, min(num, MOST_FILMS))
    spoken = _spoken(clips)
    if spoken and engine.max_audio_s:
        searches["speech_to_image"] = _heard(engine, spoken, seen, keys)
    metrics, chance = {}, {}
    for name, search in searches.items():
        metrics |= share_metrics(f"{name}_r5", search.hits())
        chance[f"{name}_chance"] = min(K / len(search.keys), 1.0)
    metrics["told_apart"] = _told_apart(engine, rng, max(num // 2, 1))
    missing = {"text_to_video": "watches no films", "speech_to_image": "does not hear"}
    left = {f"{k}_r5": f"the checkpoint {v}" for k, v in missing.items() if k not in searches}
    return Measurement(metrics, chance, left)


def _embedded(engine: Engine, items: Sequence[tuple[Part, ...]]) -> np.ndarray:
    found = [engine.embed(items[i : i + ENCODED]) for i in range(0, len(items), ENCODED)]
    return np.concatenate(found)


def _texts(engine: Engine, texts: Sequence[str]) -> np.ndarray:
    return _embedded(engine, [(Part(text=text),) for text in texts])


def _composed(engine: Engine, rng: np.random.Generator, num: int) -> Search:
    changes = tuple(Change)
    edits = [sample_edit(rng, test=True, change=changes[i % len(changes)]) for i in range(num)]
    shown = [Part(image=render(e.before)) for e in edits]
    queries = [(p, Part(text=e.words)) for p, e in zip(shown, edits, strict=True)]
    items = [(Part(image=render(e.after)),) for e in edits] + [(p,) for p in shown]
    keys = [full_caption(s) for s in (*(e.after for e in edits), *(e.before for e in edits))]
    return Search(_embedded(engine, queries), _embedded(engine, items), keys[:num], keys)


def _told_apart(engine: Engine, rng: np.random.Generator, num: int) -> float:
    """Return the share of pairs of a scene and its edit in which each caption is nearer to its own
    image; chance is 0.25."""
    edits = [sample_edit(rng, test=True) for _ in range(num)]
    pairs = [(e.before, e.after) for e in edits if full_caption(e.before) != full_caption(e.after)]
    scenes = [s for pair in pairs for s in pair]
    seen = _embedded(engine, [(Part(image=render(s)),) for s in scenes]).reshape(len(pairs), 2, -1)
    read = _texts(engine, [full_caption(s) for s in scenes]).reshape(len(pairs), 2, -1)
    near = np.einsum("pid,pjd->pij", read, seen)
    return share(((near[:, 0, 0] > near[:, 0, 1]) & (near[:, 1, 1] > near[:, 1, 0])).tolist())


def _filmed(engine: Engine, rng: np.random.Generator, num: int) -> Search:
    films = [sample_video(rng, test=True) for _ in range(num)]
    keys = [full_video_caption(film) for film in films]
    seen = _embedded(engine, [(Part(video=render_video(film)),) for film in films])
    return Search(_texts(engine, keys), seen, keys, keys)


def _spoken(clips: Sequence[Clip]) -> list[tuple[Clip, Scene]]:
    """Return the clips that describe a scene, with the scene."""
    found = ((clip, scene_of(clip)) for clip in clips)
    return [(clip, scene) for clip, scene in found if scene is not None]


def _heard(
    engine: Engine, spoken: Sequence[tuple[Clip, Scene]], seen: np.ndarray, keys: Sequence[str]
) -> Search:
    wanted = [full_caption(scene) for _, scene in spoken]
    own = _embedded(engine, [(Part(image=render(scene)),) for _, scene in spoken])
    queries = _embedded(engine, [(Part(audio=clip.samples),) for clip, _ in spoken])
    return Search(queries, np.concatenate([seen, own]), wanted, [*keys, *wanted])


def _decoupled(
    engine: Engine,
    rng: np.random.Generator,
    keys: Sequence[str],
    pictures: Sequence[np.ndarray],
) -> Search:
    """Return the baseline's search: word counts mapped by ridge regression onto mean codes of
    images."""
    scenes = [sample_scene(rng, test=False) for _ in range(FITTED)]
    said = [full_caption(s) for s in scenes]
    place = {word: i for i, word in enumerate(sorted({w for text in said for w in text.split()}))}
    counts, codes = _counts(said, place), _mean_codes(engine, [render(s) for s in scenes])
    centre = codes.mean(0)
    penalty = RIDGE * np.eye(counts.shape[1])
    weights = np.linalg.solve(counts.T @ counts + penalty, counts.T @ (codes - centre))
    queries = _unit(_counts(keys, place) @ weights)
    return Search(queries, _unit(_mean_codes(engine, pictures) - centre), keys, keys)


def _counts(texts: Sequence[str], place: dict[str, int]) -> np.ndarray:
    """Count each known word, with a constant 1, float64 "N W+1"."""
    counts = np.zeros((len(texts), len(place) + 1))
    counts[:, -1] = 1
    for row, text in zip(counts, texts, strict=True):
        for word in text.split():
            if word in place:
                row[place[word]] += 1
    return counts


def _mean_codes(engine: Engine, pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean code vector of each image, float64 "N D"."""
    vision, found = engine.model.vision, list[np.ndarray]()
    for start in range(0, len(pictures), ENCODED):
        shown = torch.from_numpy(np.stack(pictures[start : start + ENCODED])).to(engine.device)
        with torch.inference_mode():
            codes = vision.encode(pixels_from_uint8(shown))
            found.append(vision.quantizer.decode(codes).mean(1).cpu().numpy())
    return np.concatenate(found).astype(np.float64)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
