"""The clips of the speech corpus as codes, with their letters, durations and scenes.

Owns: the cache of clip codes, `with_letters`, `durations`, `SpokenScene`. Does not own: examples
(`training.data.speech.examples`), the alignment (`training.data.speech.forced_alignment`).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from flow.modality import Modality
from model.layers.time_embedding import RESTARTS
from model.prompt_template import Span
from model.tokenizers.audio import POSITION, AudioTokenizer
from model.tokenizers.image import VisionTokenizer
from model.tokenizers.text import NUM_MARKERS, PAD, TextTokenizer
from training.data.code_cache import encode_drawings, still
from training.data.speech.encoded_clip import EncodedClip
from training.data.speech.forced_alignment import align, spelled
from world.audio.sounds import SOUND
from world.audio.speech import Clip, scene_of
from world.image.scenes import Scene
from world.text.captions import full_caption
from world.text.sentences import say_prefixes, transcript

BATCH = 16
RARE = 20
"""The weight of the letter count in a word piece's duration, in occurrences."""


@dataclass(frozen=True)
class SpokenScene:
    """A clip and the scene that it describes or requests: its canonical caption and its image."""

    heard: EncodedClip
    scene: Scene
    key: str
    picture: Span


def encode_spoken_scenes(
    tokenizer: VisionTokenizer, clips: Sequence[Clip], heard: Sequence[EncodedClip], cache: Path
) -> list[SpokenScene]:
    """Return the clips that speak of a scene, with the codes of its image (cached). heard: the same
    clips as codes."""
    pairs = [(h, scene) for c, h in zip(clips, heard, strict=True) if (scene := scene_of(c))]
    if not pairs:
        return []
    codes = encode_drawings(tokenizer, [s for _, s in pairs], still, cache)
    pictures = map(image_span, codes)
    return [
        SpokenScene(h, s, full_caption(s), p) for (h, s), p in zip(pairs, pictures, strict=True)
    ]


def image_span(codes: np.ndarray) -> Span:
    """Return the codes "1 L Q" of a scene as a span."""
    return Span(Modality.IMAGE, torch.from_numpy(codes[0].astype(np.int64)))


def encode_clips(
    tokenizer: AudioTokenizer, clips: Sequence[Clip], cache: Path
) -> list[EncodedClip]:
    """Return the clips as codes. The cache is keyed by weights, sentence and sound, so a growing
    corpus is not encoded anew."""
    weights = blake2b(digest_size=16)
    for tensor in tokenizer.state_dict().values():
        weights.update(tensor.cpu().numpy().tobytes())
    marks = [_mark(weights.digest(), clip) for clip in clips]
    known: dict[str, np.ndarray] = {}
    if cache.exists():
        kept = np.load(cache)
        if "marks" in kept:
            parts = np.split(kept["codes"], kept["ends"][:-1])
            known = dict(zip(kept["marks"].tolist(), parts, strict=True))
    missing = [i for i, mark in enumerate(marks) if mark not in known]
    if missing:
        found = _encoded(tokenizer, [clips[i] for i in missing])
        known |= dict(zip((marks[i] for i in missing), found, strict=True))
        parts = [known[mark] for mark in marks]
        cache.parent.mkdir(parents=True, exist_ok=True)
        ends = np.cumsum([len(p) for p in parts])
        np.savez(cache, codes=np.concatenate(parts), ends=ends, marks=np.array(marks))
    pairs = zip(clips, marks, strict=True)
    return [EncodedClip(clip.sentence, clip.voice, known[mark]) for clip, mark in pairs]


def _mark(weights: bytes, clip: Clip) -> str:
    """Return the cache key of a clip for these weights."""
    mark = blake2b(weights, digest_size=16)
    mark.update(f"{clip.name}|{clip.sentence}|{clip.voice}|".encode())
    mark.update(clip.samples.tobytes())
    return mark.hexdigest()


def _encoded(tokenizer: AudioTokenizer, clips: Sequence[Clip]) -> list[np.ndarray]:
    """Encode clips; only clips of one length share a batch, so batching changes no code."""
    device = next(tokenizer.parameters()).device
    alike: defaultdict[int, list[int]] = defaultdict(list)
    for i, clip in enumerate(clips):
        alike[-(-len(clip.samples) // POSITION)].append(i)
    batches = [rows[i : i + BATCH] for rows in alike.values() for i in range(0, len(rows), BATCH)]
    found: dict[int, np.ndarray] = {}
    for rows in tqdm(batches, desc="codes", mininterval=5):
        whole = [np.pad(s, (0, -len(s) % POSITION)) for s in (clips[i].samples for i in rows)]
        with torch.inference_mode():
            codes = tokenizer.encode(torch.from_numpy(np.stack(whole)).to(device))
        found |= dict(zip(rows, codes.cpu().numpy().astype(np.uint16), strict=True))
    return [found[i] for i in range(len(clips))]


def with_letters(
    heard: Sequence[EncodedClip], tokenizer: TextTokenizer, cardinality: int
) -> list[EncodedClip]:
    """Align the spoken clips: add the word piece and letter of each position."""
    spoken = [i for i, h in enumerate(heard) if h.voice != SOUND]
    found = align(
        [heard[i].sentence for i in spoken], [heard[i].codes for i in spoken], cardinality
    )
    known = list(heard)
    for i, path in zip(spoken, found, strict=True):
        known[i] = replace(heard[i], said=spelled(heard[i].sentence, path, tokenizer), path=path)
    return known


def durations(heard: Sequence[EncodedClip], tokenizer: TextTokenizer) -> torch.Tensor:
    """Return the duration in positions of each word piece with the silence after it, float "V+1",
    for `model.layers.time_embedding.TimeEmbedding`. Rare pieces are estimated from their letters;
    the last value is the mean."""
    num = tokenizer.cardinality
    lasted, times = np.zeros(num), np.zeros(num)
    for clip in heard:
        if clip.said is None or clip.voice == SOUND:
            continue
        pieces = clip.said[:, 0]
        last = np.maximum.accumulate(np.where(pieces != PAD, np.arange(len(pieces)), -1))
        np.add.at(lasted, pieces[last[last >= 0]], 1)
        np.add.at(times, tokenizer.encode(transcript(clip.sentence)), 1)
    letters = np.array([sum(map(str.isalnum, p)) for p in tokenizer.pieces(range(num))])
    a_letter = lasted.sum() / max((times * letters).sum(), 1)
    found = (lasted + RARE * letters * a_letter) / (times + RARE)
    found[:NUM_MARKERS] = RESTARTS
    found[[tokenizer.encode(words)[-1] for words in say_prefixes()]] = RESTARTS
    mean = lasted.sum() / max(times.sum(), 1)
    return torch.from_numpy(np.append(found, mean)).float()
