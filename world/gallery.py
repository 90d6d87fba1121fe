"""The bundled gallery: images, videos, sounds and sentences of the world.

`python -m world gallery` makes it anew, the same every time. What is drawn here is never a scene of
the training stream; recordings are those of the held-out clips in assets/speech. Owns: what is in
it, its captions and tags. Does not own: the vectors that it is found by (`retrieval`).
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from world.audio.sounds import SOUND
from world.concepts import BY_NAME
from world.edits.sampling import sample_edit
from world.image.rendering import render
from world.image.scenes import Background, Item, sample_scene
from world.text.captions import full_caption
from world.text.dialogue import Kind, sample_dialogue
from world.video.captions import full_video_caption
from world.video.motion import render_video, sample_video

GALLERY_SEED = 41
PAIRS, SCENES, FILMS, TEXTS = 60, 180, 80, 30
"""Pairs of scenes that differ in one thing, single ones, films and sentences."""
QUALITY, FRAME_MS = 82, 125

Row = dict[str, str | list[str]]


def write_gallery(folder: Path, speech: Path) -> int:
    """Write images, videos and index.json to the folder and return the number of items. speech: the
    folder of the held-out clips, which stay there."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.webp"):
        old.unlink()
    rows = [*_pictures(folder), *_films(folder), *_clips(speech), *_texts()]
    lines = ",\n".join(json.dumps(row) for row in rows)
    (folder / "index.json").write_text(f"[\n{lines}\n]\n")
    return len(rows)


def _pictures(folder: Path) -> list[Row]:
    edits = [sample_edit(_rng(0, i), test=i % 4 == 0) for i in range(PAIRS)]
    scenes = [scene for edit in edits for scene in (edit.before, edit.after)]
    scenes += [sample_scene(_rng(1, i), test=i % 4 == 0) for i in range(SCENES)]
    rows: list[Row] = []
    for i, scene in enumerate(scenes):
        name = f"picture-{i:03d}.webp"
        Image.fromarray(render(scene)).save(folder / name, quality=QUALITY, method=6)
        tags = _tags(scene.items, scene.background)
        rows.append(_row(full_caption(scene), "image", "picture", tags, file=name))
    return rows


def _films(folder: Path) -> list[Row]:
    rows: list[Row] = []
    for i in range(FILMS):
        video, name = sample_video(_rng(2, i), test=i % 4 == 0), f"film-{i:03d}.webp"
        first, *others = [Image.fromarray(frame) for frame in render_video(video)]
        first.save(
            folder / name,
            save_all=True,
            append_images=others,
            duration=FRAME_MS,
            loop=0,
            quality=QUALITY,
            method=6,
        )
        tags = [*_tags((*video.movers, *video.still), video.background), video.motion.value]
        rows.append(_row(full_video_caption(video), "video", "film", tags, file=name))
    return rows


def _clips(speech: Path) -> list[Row]:
    rows: list[Row] = []
    for clip in json.loads((speech / "index.json").read_text()):
        file = f"../{speech.name}/{clip['name']}.opus"
        if clip["voice"] == SOUND:
            tags = ["sound", clip["sentence"].split(" ", 1)[-1]]
            rows.append(_row(f"the sound of {clip['sentence']}", "audio", "sound", tags, file=file))
        else:
            tags = ["speech", _voice(clip["voice"])]
            rows.append(_row(clip["sentence"], "audio", "speech", tags, file=file))
    return rows


def _texts() -> list[Row]:
    """Return questions about the world with their answers."""
    rows: list[Row] = []
    seen: set[str] = set()
    for i in range(20 * TEXTS):
        asked, said = sample_dialogue(_rng(3, i), Kind.KNOWLEDGE, test=False).utterances[-2:]
        text = f"{asked.text} {said.text}"
        if len(rows) < TEXTS and text not in seen:
            rows.append(_row(text, "text", "fact", ["fact"], text=text))
            seen.add(text)
    return rows


def _rng(stream: int, number: int) -> np.random.Generator:
    return np.random.default_rng((GALLERY_SEED, stream, number))


def _row(caption: str, modality: str, kind: str, tags: Sequence[str], **content: str) -> Row:
    return {**content, "modality": modality, "kind": kind, "caption": caption, "tags": [*tags]}


def _tags(items: Sequence[Item], background: Background) -> list[str]:
    """Return names, kinds and colours of the objects, and the background."""
    found = [word for i in items for word in (i.concept, BY_NAME[i.concept].kind, i.colour) if word]
    places = background.colours or (background.kind,)
    return list(dict.fromkeys([*found, *places]))


def _voice(name: str) -> str:
    return name.rpartition("/")[2]
