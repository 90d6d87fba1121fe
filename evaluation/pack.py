"""The held-out clips of the audio suites: a small folder in the repository.

`python -m evaluation pack` makes it from the speech corpus, once: Opus files, `index.json` with
their sentences and voices, and the judge of sounds fitted on the corpus. Owns: writing and reading
the folder. Does not own: the corpus (`world.audio.speech`), the judge
(`evaluation.judges.sound_judge`).
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from evaluation.judges.sound_judge import SoundJudge
from world.audio.sounds import SOUND
from world.audio.speech import Clip, Part, clips
from world.audio.voices import OUTPUT_VOICE, SAMPLE_RATE

FOLDER = Path("assets/speech")
INDEX, JUDGE = "index.json", "sound_judge.npz"
MAX_SPOKEN, MAX_PER_SOUND = 144, 2
MAX_BYTES = 4_000_000
COMPRESSION = 0.85
"""The Opus compression of libsndfile: about 45 kbit/s."""


@dataclass(frozen=True)
class Pack:
    """Held-out clips, and the judge of sounds."""

    clips: tuple[Clip, ...]
    judge: SoundJudge

    @property
    def spoken(self) -> tuple[Clip, ...]:
        return tuple(c for c in self.clips if c.voice != SOUND)

    @property
    def own(self) -> tuple[Clip, ...]:
        """The clips in the output voice."""
        return tuple(c for c in self.clips if c.voice == OUTPUT_VOICE)

    @property
    def sounds(self) -> tuple[Clip, ...]:
        return tuple(c for c in self.clips if c.voice == SOUND)


def first(clips: Sequence[Clip], num: int, what: str) -> list[Clip]:
    """Return the first num clips. Raises: ValueError where there are fewer."""
    if not 1 <= num <= len(clips):
        raise ValueError(f"--num must be from 1 to {len(clips)} for {what}, not {num}")
    return list(clips[:num])


def write_pack(corpus: Path, folder: Path) -> int:
    """Write the pack of a corpus, replacing an older one; return its size in bytes.

    Raises: ValueError where the corpus lacks a part, or the files exceed `MAX_BYTES`.


    """
    packed = _held_out(corpus)
    known = list(clips(corpus, [Part.SOUND]))
    if not known or len({c.voice == SOUND for c in packed}) < 2:
        raise ValueError(
            f"{corpus} lacks held-out sentences or sounds: make the parts {Part.TEST}, "
            f"{Part.SOUND} and {Part.SOUND_TEST} with python -m world speech and sounds"
        )
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.opus"):
        old.unlink()
    for clip in packed:
        _write_opus(folder / f"{clip.name}.opus", clip.samples)
    rows = [{"name": c.name, "sentence": c.sentence, "voice": c.voice} for c in packed]
    lines = ",\n".join(json.dumps(row) for row in rows)
    (folder / INDEX).write_text(f"[\n{lines}\n]\n")
    SoundJudge.fitted(known).save(folder / JUDGE)
    size = sum(file.stat().st_size for file in folder.iterdir())
    if size > MAX_BYTES:
        raise ValueError(f"{folder} has {size} bytes, {MAX_BYTES} are the limit: pack less")
    return size


def read_pack(folder: Path) -> Pack:
    """Read a pack. Raises: ValueError where the folder is no pack, or a part is missing or
    broken."""
    try:
        rows = json.loads((folder / INDEX).read_text())
        found = tuple(
            Clip(r["name"], r["sentence"], r["voice"], _samples(folder / f"{r['name']}.opus"))
            for r in rows
        )
        return Pack(found, SoundJudge.load(folder / JUDGE))
    except (OSError, ValueError, KeyError, TypeError, soundfile.LibsndfileError) as error:
        raise ValueError(
            f"{folder} is no complete pack of clips ({error}): make it with python -m evaluation "
            "pack"
        ) from error


def _held_out(corpus: Path) -> list[Clip]:
    """Return the first sentences, and the first clips of each sound."""
    packed: list[Clip] = []
    for clip in clips(corpus, [Part.TEST]):
        if len(packed) == MAX_SPOKEN:
            break
        packed.append(clip)
    counts: Counter[str] = Counter()
    for clip in clips(corpus, [Part.SOUND_TEST]):
        counts[clip.sentence] += 1
        if counts[clip.sentence] <= MAX_PER_SOUND:
            packed.append(clip)
    return packed


def _write_opus(file: Path, samples: np.ndarray) -> None:
    with soundfile.SoundFile(
        file,
        "w",
        samplerate=SAMPLE_RATE,
        channels=1,
        format="OGG",
        subtype="OPUS",
        compression_level=COMPRESSION,
    ) as out:
        out.write(samples)


def _samples(file: Path) -> np.ndarray:
    samples, rate = soundfile.read(file, dtype="float32")
    if rate != SAMPLE_RATE or samples.ndim != 1:
        raise ValueError(f"{file.name} is not one channel at {SAMPLE_RATE} Hz")
    return np.asarray(samples)
