"""The contents of each kind of old file, in names that belong to these tests.

One function a kind. Only here do these tests know what the program calls a value.
"""

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
from PIL import Image

from app.chat.save_load import read_conversation
from app.forms.recipe import read_recipe
from app.forms.share_link import read_lab_link, read_link
from app.lab.form import LabForm, controls_of
from app.page import recorded_run
from engine.api.conversation import Part
from engine.api.request import InitialState, Request
from engine.api.sampling import Sampling
from engine.cli.live_client import Told
from engine.inspection.trace import SegmentTrace, events_of
from engine.inspection.trace_file import read_trace
from engine.media.audio import note_in_sound
from engine.media.images import note_in
from evaluation.report.compare import compare
from evaluation.report.model_card import card
from evaluation.result import Result
from evaluation.run_all import AllResults, read
from model.loading.config_file import config_from_json
from retrieval.gallery import Gallery
from retrieval.index import Where
from retrieval.item import Item
from retrieval.pack import Pack
from tests.golden.digests import digest, of_events
from tests.retrieval.making import FakeEmbedder

Values = dict[str, Any]
FOLDER = Path(__file__).parent
KINDS = ("image", "video", "text", "audio")
MADE_ON = "7ba6170eb278"


def trace(file: Path) -> Values:
    """A recorded run: what was asked, of whom, and every step."""
    found = read_trace(file)
    replay = of_events(list(events_of(found)))
    return {
        "asked": _request(found.request),
        "checkpoint": dict(found.checkpoint),
        "parts": [_segment(part) for part in found.segments],
        "replay": {name: replay[name] for name in ("kinds", "steps", "calls", "text", "codes")},
    }


def _segment(part: SegmentTrace) -> Values:
    arrays = part.arrays
    likely = ("likely_ids", "likely_p", "entropy")
    return {
        "kind": str(part.modality),
        "settings": _settings(part.sampling),
        "text": part.text,
        "heard in pieces": part.heard,
        "length": part.length,
        "kept positions": list(part.held),
        "words": "".join(part.words.shown(arrays["x_t"][-1])) if part.text is not None else None,
        "steps": len(arrays["t"]),
        "states": _ids([arrays["x_t"], arrays["x_1"]]),
        "calls": arrays["nfe"].tolist(),
        "evaluated positions": arrays["num_active"].tolist(),
        "times": np.round(arrays["t"].astype(float), 4).tolist(),
        "changed codes": int(arrays["changed"].sum()),
        "confidence": round(float(arrays["confidence"].astype(float).mean()), 4),
        "has times of a clock": len(arrays["elapsed_s"]) == len(arrays["t"]),
        "alternatives": _ids([arrays["likely_ids"]]) if likely[0] in arrays else None,
        "numbers of alternatives": {
            str(i): round(float(arrays[name].astype(float).sum()), 1)
            for i, name in enumerate(likely[1:])
            if name in arrays
        },
    }


def _request(request: Request) -> Values:
    inpainting, pin = request.inpainting, request.pin
    return {
        "turns": [[t.role, [_part(p) for p in t.parts]] for t in request.conversation.turns],
        "wanted": None if request.to is None else str(request.to),
        "settings": _settings(request.sampling),
        "start": None if request.start is None else _start(request.start),
        "aloud": request.aloud,
        "thinks": request.think,
        "style": request.style,
        "picture after words": None if pin is None else [str(pin.modality), pin.words],
        "repainted": None
        if inpainting is None
        else [inpainting.strength, digest([inpainting.image, inpainting.mask])],
    }


def _settings(sampling: Sampling) -> Values:
    return {
        "sampler": sampling.sampler,
        "steps": sampling.steps,
        "transition": sampling.transition,
        "guidance": sampling.guidance_scale,
        "temperature": sampling.temperature,
        "top p": sampling.top_p,
        "seed": sampling.seed,
        "patience": sampling.patience,
        "remasking": sampling.remasking,
        "mask schedule": sampling.mask_schedule,
        "threshold": sampling.threshold,
        "guided between": list(sampling.guidance_interval),
        "guided every": sampling.guidance_every,
        "grid": sampling.grid,
        "path": [sampling.c, sampling.a],
        "cache": [sampling.cache_share, sampling.prompt_every],
        "stops at the end": sampling.stop_at_end,
        "keeps above": sampling.keep_threshold,
        "drafts": sampling.drafts,
    }


def _start(start: InitialState) -> Values:
    return {
        "kind": str(start.modality),
        "codes": _ids([start.tokens, start.predicted]),
        "pinned": np.flatnonzero(start.pinned).tolist(),
        "time": round(start.t, 5),
        "part": start.segment,
        "said": list(start.said),
    }


def _part(part: Part) -> list[Any]:
    """Its words, the digest of its pixels, and the number of its samples with their peak."""
    sound = part.audio
    heard = None if sound is None else [len(sound), round(float(np.abs(sound).max()), 3)]
    return [part.text, digest([part.image, part.video]), heard]


def _ids(arrays: Iterable[np.ndarray]) -> str:
    return digest(array.astype(np.int64) for array in arrays)


def conversation(file: Path) -> Values:
    """A saved conversation."""
    return {
        "turns": [
            [said.role, [_part(part) for part in said.parts], said.think, said.note]
            for said in read_conversation(file, 500)
        ]
    }


def media(file: Path) -> Values:
    """The settings in a picture, a film or a sound, and what they make of the Lab's controls."""
    if file.suffix == ".wav":
        return {"settings": json.loads(note_in_sound(file.read_bytes()) or "null")}
    if note_in(file) is None:
        with Image.open(file) as picture:
            return {"settings": {name: picture.info[name] for name in ("prompt", "seed")}}
    recipe = read_recipe(file)
    said = {"settings": dict(recipe)}
    if recipe.get("guidance", 0) is None:  # left to the checkpoint: the Lab has no such control
        return said
    return {**said, "asked": _of_form(controls_of(recipe, KINDS))}


def _of_form(values: tuple[object, ...]) -> Values:
    return _request(LabForm(*list(values)).request())  # pyright: ignore[reportArgumentType]


def link(url: str) -> Values:
    """A link: the tab, and the values of its form."""
    query = dict(parse_qsl(urlsplit(url).query))
    if query["tab"] == "lab":
        values, sentence = read_lab_link(query, MADE_ON, lambda recipe: controls_of(recipe, KINDS))
        return {"asked": _of_form(values), "tells": bool(sentence)}
    found = read_link(query, MADE_ON)
    return {"tab": found.tab, "values": dict(found.values), "tells": found.bad is not None}


def links(file: Path) -> Values:
    """All links of a file, by their text."""
    return {url: link(url) for url in file.read_text().split()}


def config(file: Path) -> Values:
    """A checkpoint's config: some values, and those of the file that got lost on the way."""
    written = json.loads(file.read_text())
    found = config_from_json(written)
    kept = Counter(_leaves(json.loads(json.dumps(found.to_json()))))
    return {
        "name": found.name,
        "layers, width": [found.backbone.layers, found.backbone.width],
        "vocabulary": found.text_vocabulary,
        "samplers": list(found.samplers),
        "lost": sorted(map(str, (Counter(_leaves(written)) - kept).elements())),
    }


def _leaves(values: Any) -> list[Any]:
    """Every value that is no list and no object, wherever it stands."""
    if isinstance(values, Mapping):
        return [leaf for value in values.values() for leaf in _leaves(value)]
    if isinstance(values, list):
        return [leaf for value in values for leaf in _leaves(value)]
    return [repr(values)]


def gallery(folder: Path, copy: Path) -> Values:
    """A gallery's items, and which of them its index finds; it is opened as a copy."""
    shutil.copytree(folder, copy)
    embedder = FakeEmbedder()
    opened = Gallery.open(copy, embedder)
    (asked,) = embedder.embed([(Part(text="a red heart"),)])
    found = opened.search(asked, 10, Where((), (), "ann"))
    tagged = opened.search(asked, 10, Where((), ("heart",), ""))
    trouble = opened.trouble
    opened.close()
    return {
        "items": [_item(item) for item in opened.items.values()],
        "trouble": trouble,
        "found": [[one.item.id, round(one.score, 3)] for one in found.hits],
        "found by tag": [one.item.id for one in tagged.hits],
        "missing": sorted(item.id for item in found.missing),
    }


def pack(folder: Path) -> Values:
    """A read-only gallery, whose vectors are read and not made."""
    embedder = FakeEmbedder()
    opened = Pack.open(folder, embedder)
    vectors = opened.vectors(list(opened.items))
    return {
        "items": [_item(item) for item in opened.items.values()],
        "embedded anew": embedder.calls,
        "vectors": {i: round(float(v.astype(float)[0]), 3) for i, v in vectors.items()},
    }


def _item(item: Item) -> list[Any]:
    return [
        item.id, str(item.modality), item.file, item.text, item.caption, list(item.tags),
        item.kind, item.owner, dict(item.provenance),
    ]  # fmt: skip


def result(file: Path) -> Values:
    """An evaluation's result, beside itself, and as a table where it has all suites."""
    found = read(file)
    assert "B beside A" in compare(found, found)
    if isinstance(found, Result):
        return {"of": found.checkpoint, "suites": {found.name: _measured(found)}}
    assert isinstance(found, AllResults)
    assert "scenes (240" in card(found)
    return {
        "of": found.checkpoint,
        "digest": found.digest,
        "seed": found.seed,
        "date": found.date,
        "left out": dict(found.left_out),
        "suites": {name: _measured(one) for name, one in found.suites.items()},
    }


def _measured(one: Result) -> list[Any]:
    return [one.num, one.seed, one.seconds, dict(one.metrics), dict(one.judge), dict(one.left_out)]


def recording(file: Path) -> Values:
    """A run as the page plays it, each message as `engine watch` tells it."""
    found = recorded_run(file)
    assert found is not None
    messages: Any = found["messages"]
    return {
        "version": found["version"],
        "lines": [Told(message, message["media"]).line for message in messages],
    }
