"""Settings of a short stage: few examples in pools and reports, and a corpus of
tones."""

from pathlib import Path

import numpy as np

from world.audio.speech import Clip, write_clip
from world.audio.voices import OUTPUT_VOICE

FEW = {
    "training.__main__.POOLS": (4, 8, 4),
    "training.__main__.NUM_UNNAMED": 6,
    "training.checkpoints.initialise.TEXTS_PER_KIND": 200,
    "training.checkpoints.export.WISHES": 40,
    "training.loop.progress_report.SHOWN": 2,
    "training.stages.flow.REPORTED": 4,
    "training.stages.vision.REPORTED": 8,
}
"""Settings of the command line, by where they stand."""


def spoken(folder: Path) -> list[str]:
    """The folder with a corpus, as arguments."""
    folder.mkdir()
    times = np.arange(8000) / 16_000
    for part, voice in (("train", OUTPUT_VOICE), ("bulk", "flite/slt"), ("sound", "sound")):
        for i in range(6):
            samples = 0.1 * np.sin(2 * np.pi * (200 + 50 * i) * times).astype(np.float32)
            name = f"{part}-{i:06d}"
            write_clip(folder / f"{name}.flac", Clip(name, "hello there", voice, samples))
    for i in range(2):
        (folder / f"test-{i:06d}.flac").write_bytes((folder / f"train-{i:06d}.flac").read_bytes())
    return ["--speech", str(folder)]
