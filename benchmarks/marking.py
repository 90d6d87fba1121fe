"""Measure how often the mark of files is found again, after what files go through.

The shipped model draws --num pictures of held-out scenes, makes a sixth as many films, and says
half as many sentences. Each is marked and attacked; the last lines are a table for docs/safety.md
and one line of JSON. False positives are counted on unmarked files: the same ones, and those of the
gallery. All searches but the cut and the page with a picture on it look at the whole file.
"""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from PIL import Image

from benchmarks.report import common_parser, loaded, publish
from engine.api.conversation import Conversation
from engine.api.request import Modality, Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from engine.media.audio import SAMPLE_RATE, decoded_sound
from engine.media.images import gif_bytes, mp4_bytes, read_picture, webp_bytes
from engine.media.marking.found import Found
from engine.media.marking.marker import Marker
from engine.media.marking.picture_search import find_in_frames
from engine.media.marking.sound_mark import find_in_sound
from engine.media.video import FRAME_MS, FRAMES_A_SECOND, read_film
from world.image.scenes import sample_scene
from world.text.captions import caption
from world.text.sentences import SAY
from world.video.captions import full_video_caption
from world.video.motion import sample_video

GALLERY = Path("assets/gallery")
FIRST_SEED = 1000
Attack = Callable[[np.ndarray], np.ndarray]
Search = Callable[[np.ndarray], Found]


def main() -> int:
    parser = common_parser("marking", __doc__, num=24, seed=0)
    arguments = parser.parse_args()
    started = time.monotonic()
    engine = loaded(arguments)
    if engine is None:
        return 2
    made = _made(engine, arguments.num, arguments.seed)
    metrics = _measured(made, Marker(engine.digest))
    for name, share in metrics.items():
        print(f"| {name.replace('_', ' ')} | {share:.3g} |")
    publish("marking", engine, arguments, started, metrics)
    return 0


def _made(engine: Engine, num: int, seed: int) -> dict[Modality, list[np.ndarray]]:
    """Return pictures, films and sounds of held-out prompts."""
    rng = np.random.default_rng(seed)
    few = max(1, num // 6)
    words = {
        Modality.IMAGE: [caption(sample_scene(rng, test=True), rng) for _ in range(num)],
        Modality.VIDEO: [full_video_caption(sample_video(rng, test=True)) for _ in range(few)],
        Modality.AUDIO: [
            SAY.format(caption(sample_scene(rng, test=True), rng)) for _ in range(3 * few)
        ],
    }
    found: dict[Modality, list[np.ndarray]] = {}
    for to, prompts in words.items():
        asked = [
            Request(Conversation.ask(prompt), to, Sampling(seed=FIRST_SEED + i))
            for i, prompt in enumerate(prompts)
        ]
        answers = [each[-1] for each in engine.generate_batch(asked)]
        media = [(a.image, a.video, a.audio) for a in answers]
        found[to] = [next(m for m in one if m is not None) for one in media]
    return found


def _measured(made: Mapping[Modality, Sequence[np.ndarray]], marker: Marker) -> dict[str, float]:
    pictures, films, sounds = (made[m] for m in (Modality.IMAGE, Modality.VIDEO, Modality.AUDIO))
    marks = [marker.picture(picture, {"seed": i}) for i, picture in enumerate(pictures)]
    metrics = {"psnr_db": float(np.mean([*map(_psnr, pictures, marks)]))}
    metrics |= _shares("picture", marks, PICTURE_ATTACKS, _find_picture)
    metrics |= _shares("picture", marks[:3], THOROUGH_ATTACKS, _find_in_page)
    moved = [marker.film(film, {"seed": i}) for i, film in enumerate(films)]
    metrics |= _shares("film", moved, FILM_ATTACKS, find_in_frames)
    said = [marker.sound(sound, {"seed": i}) for i, sound in enumerate(sounds)]
    metrics |= _shares("sound", said, SOUND_ATTACKS, find_in_sound)
    plain = [*pictures, *(read_picture(file) for file in sorted(GALLERY.glob("picture-*.webp")))]
    wrong = sum(_find_picture(picture).marked for picture in plain)
    wrong += sum(_find_in_page(picture).marked for picture in plain[:2])
    wrong += sum(find_in_sound(sound).marked for sound in sounds)
    return metrics | {"unmarked_files": len(plain) + len(sounds), "found_in_unmarked": wrong}


def _shares(
    kind: str, marked: Sequence[np.ndarray], attacks: Mapping[str, Attack], search: Search
) -> dict[str, float]:
    """Return after each attack the share of files in which the mark is found."""
    return {
        f"{kind}_{name}": float(np.mean([search(attack(one)).marked for one in marked]))
        for name, attack in attacks.items()
    }


def _psnr(plain: np.ndarray, marked: np.ndarray) -> float:
    return 10 * np.log10(255**2 / np.square(plain.astype(float) - marked).mean())


def _find_picture(picture: np.ndarray) -> Found:
    return find_in_frames(picture[None], thorough=False)


def _find_in_page(picture: np.ndarray) -> Found:
    return find_in_frames(picture[None])


def jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    """Return a picture uint8 "H W 3" as JPEG shows it."""
    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
    return read_picture(buffer.getvalue())


def scaled(picture: np.ndarray, times: float) -> np.ndarray:
    """Return a picture uint8 "H W 3" so many times as large."""
    height, width = picture.shape[:2]
    size = (round(width * times), round(height * times))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR))


def _page(picture: np.ndarray) -> np.ndarray:
    large = scaled(picture, 1.25)
    height, width = large.shape[:2]
    page = np.full((height + 96, 2 * width, 3), 250, np.uint8)
    page[40 : 40 + height, 60 : 60 + width] = large
    return page


def coded(samples: np.ndarray, form: str, codec: str, bits_a_s: int, rate_hz: int) -> np.ndarray:
    """Return samples float32 "N" at 16 kHz as a codec gives them back."""
    buffer = BytesIO()
    with av.open(buffer, "w", format=form) as file:
        stream = file.add_stream(codec, rate=rate_hz, layout="mono")
        assert isinstance(stream, AudioStream)
        stream.bit_rate = bits_a_s
        frame = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return decoded_sound(buffer.getvalue())


PICTURE_ATTACKS: Mapping[str, Attack] = {
    "as_it_is": lambda picture: picture,
    "jpeg_70": lambda picture: jpeg(picture, 70),
    "jpeg_50": lambda picture: jpeg(picture, 50),
    "jpeg_30": lambda picture: jpeg(picture, 30),
    "half_size": lambda picture: scaled(picture, 0.5),
    "0.75x": lambda picture: scaled(picture, 0.75),
    "1.5x": lambda picture: scaled(picture, 1.5),
    "2x": lambda picture: scaled(picture, 2),
    "3x_then_jpeg_70": lambda picture: jpeg(scaled(picture, 3), 70),
    "half_size_then_jpeg_70": lambda picture: jpeg(scaled(picture, 0.5), 70),
}
THOROUGH_ATTACKS: Mapping[str, Attack] = {
    "cut_at_the_edges": lambda picture: picture[5:-3, 2:-6],
    "on_a_page_at_1.25x": _page,
}
FILM_ATTACKS: Mapping[str, Attack] = {
    "mp4": lambda film: read_film(mp4_bytes(film, FRAMES_A_SECOND, "")),
    "gif": lambda film: read_film(gif_bytes(film, [FRAME_MS] * len(film), "")),
    "webp": lambda film: read_film(webp_bytes(film, [FRAME_MS] * len(film), "")),
    "one_frame": lambda film: film[3:4],
}
SOUND_ATTACKS: Mapping[str, Attack] = {
    "as_it_is": lambda samples: samples,
    "mp3_64": lambda samples: coded(samples, "mp3", "libmp3lame", 64_000, 24_000),
    "opus_32": lambda samples: coded(samples, "ogg", "libopus", 32_000, 48_000),
    "11_khz": lambda samples: coded(samples, "wav", "pcm_s16le", 176_400, 11_025),
    "cut": lambda samples: samples[8123:],
}


if __name__ == "__main__":
    sys.exit(main())
