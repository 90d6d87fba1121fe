"""A small collection like the one that ships: pictures, a film, a sound and sentences."""

import json
from pathlib import Path

import numpy as np

from engine.media.audio import wav_bytes
from engine.media.images import png_bytes, webp_bytes
from tests.fake_scenes import draw, film

PICTURES = ("a red heart", "a red car", "a blue whale", "a green star", "a pink circle", "a dog")


def write_pack(folder: Path) -> Path:
    """The folder, with index.json and its files, without vectors."""
    folder.mkdir()
    rows: list[dict[str, object]] = []
    for i, caption in enumerate(PICTURES):
        (folder / f"{i}.png").write_bytes(png_bytes(draw(caption, 0)))
        rows.append({"file": f"{i}.png", "modality": "image", "kind": "picture",
                     "caption": caption, "tags": caption.split()[1:]})  # fmt: skip
    frames = film("a yellow star moving to the right", 0)
    (folder / "film.webp").write_bytes(webp_bytes(frames, [125] * len(frames), ""))
    rows.append({"file": "film.webp", "modality": "video", "kind": "film",
                 "caption": "a yellow star moving to the right", "tags": ["star"]})  # fmt: skip
    tone = np.sin(np.arange(16_000) / 16).astype(np.float32)
    (folder / "sound.wav").write_bytes(wav_bytes(tone, ""))
    rows.append({"file": "sound.wav", "modality": "audio", "kind": "sound",
                 "caption": "the sound of rain", "tags": ["sound"]})  # fmt: skip
    for text in ("a blue whale", "what is blue? the sea is blue."):
        rows.append({"text": text, "modality": "text", "kind": "fact", "caption": text,
                     "tags": ["fact"]})  # fmt: skip
    (folder / "index.json").write_text(json.dumps(rows))
    return folder
