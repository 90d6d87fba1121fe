"""Encoding of engine events as messages: pure functions, no gradio, no state.

Previews are JPEG (small, under a millisecond), of a film its frames below one another. Final files
carry their prompt, settings and seed, so that the file alone is enough to make it again: a lossless
PNG, a WAV, a film as MP4 and as GIF.
"""

import json
from collections.abc import Mapping

import cv2
import numpy as np

from app.stream.message import Media, Message
from engine.api.events import Answer, AudioChunk, CandidateDone, Refined, SegmentStarted
from engine.api.request import Modality, Request
from engine.media.audio import pcm16, wav_bytes
from engine.media.images import gif_bytes, mp4_bytes, png_bytes, webp_bytes
from engine.media.marking.marker import UNMARKED, Marker
from engine.media.video import FRAME_MS, FRAMES_A_SECOND

JPEG_QUALITY, LAST_QUALITY = 80, 95
"""The quality of a preview, and of the last step of a film, which stays on the page."""
FILM_PX = 256
"""The longer side of a film in a conversation."""
SOFTWARE = "NExT-OMNI Live"
MORE = ("temperature", "top_p", "grid", "c", "a")
"""Settings of a recipe that the Lab can change and the other tabs leave alone."""


def message(
    event: SegmentStarted | Refined | AudioChunk | CandidateDone,
    labels: Mapping[str, object] | None = None,
) -> Message:
    """The message that tells a browser about one event of a run under way. labels: what the model
    sees where at this step, see `app.stream.patch_labels`."""
    match event:
        case SegmentStarted():
            return _started(event)
        case Refined():
            return _refined(event, labels)
        case AudioChunk():
            return _sounded(event)
        case CandidateDone():
            return _drafted(event)


def ended(
    kind: str,
    request: Request,
    answers: tuple[Answer, ...],
    elapsed_s: float,
    nfe: int,
    marker: Marker = UNMARKED,
) -> Message:
    """The last message of a run: kind "completed", or "stopped" with what there was until then.
    marker: of its files."""
    recipe = recipe_of(request)
    recipe["prompt"] = recipe["prompt"] or " ".join(a.text or "" for a in answers if a.heard)
    media: dict[str, Media] = {}
    for i, answer in enumerate(answers):
        if answer.image is not None:
            media[f"answer_{i}"] = png(marker.picture(answer.image, recipe), recipe)
        elif answer.audio is not None:
            media[f"answer_{i}"] = wav(marker.sound(answer.audio, recipe), recipe)
        elif answer.video is not None:
            frames = marker.film(answer.video, recipe)
            media[f"answer_{i}"] = mp4(frames, recipe)
            media[f"answer_{i}_gif"] = gif(frames, recipe)
    header = {
        "kind": kind,
        "recipe": recipe,
        "answers": [
            {
                "modality": str(a.modality),
                "text": a.text,
                "thought": a.thought,
                "suggest": a.suggest,
                "heard": a.heard,
                "doubtful": a.doubtful,
                "unchanged": a.unchanged,
            }
            for a in answers
        ],
        "elapsed_s": round(elapsed_s, 3),
        "nfe": nfe,
    }
    return Message(header, media, kept=True)


def waiting(place: int, wait_s: float | None = None) -> Message:
    """place: how many runs are ahead of this one. wait_s: how long these will take, where that can
    be told."""
    told = {"kind": "waiting", "place": place}
    return Message(told if wait_s is None else {**told, "wait_s": round(wait_s)})


def away(sentence: str) -> Message:
    """Nothing new for a while; the sentence says why. The next step takes its place."""
    return Message({"kind": "away", "sentence": sentence})


def failed(sentence: str) -> Message:
    """The run ended without an answer; the sentence says why and what to do."""
    return Message({"kind": "failed", "sentence": sentence}, kept=True)


def recipe_of(request: Request) -> dict[str, object]:
    """Return everything that makes the same picture or film again, as plain values; "to" is the
    kind of answer, None where the model decided; "given" says what kind of media went with the
    words, which are not among them."""
    last = request.conversation.turns[-1]
    sampling = request.sampling
    more = {name: getattr(sampling, name) for name in MORE}
    changed = [] if request.inpainting is None else [str(Modality.IMAGE)]
    return {
        "prompt": " ".join(part.text for part in last.parts if part.text is not None),
        "to": None if request.to is None else str(request.to),
        "given": [str(part.modality) for part in last.parts if part.text is None] + changed,
        "seed": sampling.seed,
        "steps": sampling.steps,
        "guidance": sampling.guidance_scale,
        "method": sampling.method,
        "more": {name: value for name, value in more.items() if value is not None},
    }


def png(image: np.ndarray, recipe: dict[str, object]) -> Media:
    """image: uint8 "H W 3". Lossless, with the recipe in the file's text metadata."""
    notes = {
        "prompt": str(recipe["prompt"]),
        "seed": str(recipe["seed"]),
        "settings": json.dumps(recipe),
        "Software": SOFTWARE,
    }
    return Media("image/png", png_bytes(image, notes))


def wav(samples: np.ndarray, recipe: dict[str, object]) -> Media:
    """samples: float32 "N" at 16 kHz; the recipe is the file's comment."""
    return Media("audio/wav", wav_bytes(samples, json.dumps(recipe)))


def mp4(frames: np.ndarray, recipe: dict[str, object]) -> Media:
    """frames: uint8 "F H W 3"; the recipe is the file's comment."""
    return Media("video/mp4", mp4_bytes(frames, FRAMES_A_SECOND, json.dumps(recipe)))


def gif(frames: np.ndarray, recipe: dict[str, object]) -> Media:
    """frames: uint8 "F H W 3"; the recipe is the file's comment."""
    durations_ms = [FRAME_MS] * len(frames)
    return Media("image/gif", gif_bytes(frames, durations_ms, json.dumps(recipe)))


def webp(frames: np.ndarray) -> Media:
    """A film uint8 "F H W 3" of any size, small enough to be shown in a conversation."""
    shrink = min(1.0, FILM_PX / max(frames.shape[1:3]))
    small = [
        cv2.resize(frame, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        for frame in frames
    ]
    return Media("image/webp", webp_bytes(np.stack(small), [FRAME_MS] * len(small), ""))


def strip(frames: np.ndarray, quality: int = JPEG_QUALITY) -> Media:
    """Frames uint8 "F H W 3" below one another, as one JPEG."""
    return jpeg(np.concatenate(frames), quality)


def pcm(samples: np.ndarray) -> Media:
    """samples: float32 "N" at 16 kHz, as 16-bit integers without a header."""
    return Media("audio/pcm", pcm16(samples))


def jpeg(image: np.ndarray, quality: int = JPEG_QUALITY) -> Media:
    """image: uint8 "H W 3" RGB."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    written, content = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert written, f"a picture of shape {image.shape} could not be encoded"
    return Media("image/jpeg", content.tobytes())


def _started(event: SegmentStarted) -> Message:
    pin = event.request.pin
    header: dict[str, object] = {
        "kind": "started",
        "segment": event.segment,
        "modality": str(event.modality),
        "num_steps": event.num_steps,
        "elapsed_s": round(event.elapsed_s, 3),
        "recipe": recipe_of(event.request),
        "heard": event.heard,
    }
    if pin is not None and pin.words and pin.modality is event.modality:
        header["after"] = pin.words
    return Message(header, kept=True)


def _sounded(event: AudioChunk) -> Message:
    header = {
        "kind": "sounded",
        "segment": event.segment,
        "last": event.last,
        "elapsed_s": round(event.elapsed_s, 3),
    }
    if event.word_ends_s:
        header["word_ends_s"] = list(event.word_ends_s)
    return Message(header, {"samples": pcm(event.samples)}, kept=True)


def _drafted(event: CandidateDone) -> Message:
    made = event.made
    picture = made.image if made.video is None else made.video[len(made.video) // 2]
    assert picture is not None, "a draft is a picture or a film"
    header = {
        "kind": "drafted",
        "draft": event.number,
        "num": event.num,
        "seed": event.seed,
        "score": round(event.score, 3),
        "best": event.best,
    }
    return Message(header, {"picture": jpeg(picture)}, kept=True)


def _refined(event: Refined, labels: Mapping[str, object] | None) -> Message:
    header = {
        "kind": "refined",
        "segment": event.segment,
        "modality": str(event.modality),
        "index": event.index,
        "num_steps": event.num_steps,
        "t": round(event.t, 4),
        "nfe": event.nfe,
        "num_active": event.num_active,
        "elapsed_s": round(event.elapsed_s, 3),
        "changed": event.changed.mean(-1).round(2).tolist(),
        "confidence": event.confidence.mean(-1, dtype=np.float64).round(2).tolist(),
    }
    if labels is not None:
        header["labels"] = labels
    if event.words_t is not None:
        header["words_t"], header["words_1"] = event.words_t, event.words_1
    pictures = {"x_t": event.image_t, "x_1": event.image_1}
    quality = LAST_QUALITY if event.last else JPEG_QUALITY
    media = {
        n: jpeg(image) if image.ndim == 3 else strip(image, quality)
        for n, image in pictures.items()
        if image is not None
    }
    if event.sound_1 is not None:
        media["x_1"] = pcm(event.sound_1)
    return Message(header, media)
