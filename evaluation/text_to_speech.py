"""Does the speaker say what it is given? Held-out sentences, said from their letters, decoded, and
heard by judges who never see the letters.

Command line: python -m evaluation.text_to_speech FOLDER --decoder FILE --sentences FILE.. prints a
JSON line a file of sentences, and adds it to --json. A file is what `python -m
training.text_to_speech codes` makes: the exact codes in it give the floor, the best that a speaker
over these codes could reach.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from evaluation.judges import speech_judges as listeners
from evaluation.judges.word_error_rate import wer_metrics, word_error_rate
from flow.modality import Modality
from flow.schedule import TUNED, times_as_even
from model.network.text_to_speech import CLOCK, SPACE, TextToSpeech
from model.tokenizers.speech_codes import DURATIONS
from model.tokenizers.speech_decoder import SAMPLE_RATE, SpeechDecoder
from samplers.counter_rng import CounterRNG
from samplers.kinetic import KineticSampler
from samplers.masked import MaskedSampler
from world.audio.voices import resample
from world.text.sentences import edit_distance

JUDGES: dict[str, Callable[[], listeners.Listen]] = {
    "tiny": listeners.whisper,
    "base": listeners.whisper_base,
    "pocketsphinx": listeners.pocketsphinx,
}
SAMPLERS = ("masked", "flow")
BATCH = 16


def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    try:
        for line in _measured(arguments):
            print(json.dumps(line), flush=True)
            if arguments.json is not None:
                with arguments.json.open("a") as file:
                    file.write(json.dumps(line) + "\n")
    except (ValueError, FileNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def said(
    speaker: TextToSpeech, sentences: Sequence[str], sampler: str, steps: int, temperature: float
) -> tuple[list[np.ndarray], float]:
    """Codes of each sentence, in batches, each drawn by its number; and the seconds that it took.

    Raises: ValueError where the sampler is unknown.
    """
    match sampler:
        case "masked":
            method = MaskedSampler({Modality.AUDIO: SPACE}, steps=steps, temperature=temperature)
        case "flow":
            method = KineticSampler(
                speaker.metrics(),
                times=times_as_even(CLOCK, TUNED, steps),
                schedule=CLOCK,
                temperature=temperature,
            )
        case _:
            raise ValueError(f"unknown sampler {sampler!r}: choose one of {', '.join(SAMPLERS)}")
    found: list[np.ndarray] = []
    started = time.monotonic()
    for first in range(0, len(sentences), BATCH):
        part = sentences[first : first + BATCH]

        def draws(block: int, first: int = first, rows: int = len(part)) -> CounterRNG:
            return CounterRNG.for_seed(1000 * block + first, rows)

        found += speaker.say(part, method, draws)
    return found, time.monotonic() - started


def _measured(arguments: argparse.Namespace) -> list[dict[str, object]]:
    speaker = None if arguments.floor else TextToSpeech.load(arguments.folder)
    decoder = SpeechDecoder.load(arguments.decoder)
    lines: list[dict[str, object]] = []
    for file in arguments.sentences:
        kept = np.load(file)
        sentences = kept["sentences"].tolist()[: arguments.num]
        exact = np.split(kept["codes"].astype(np.int64), kept["ends"][:-1])[: arguments.num]
        line: dict[str, object] = {"sentences": file.stem, "num": len(sentences)}
        if speaker is None:
            codes = exact
        else:
            codes, seconds = said(
                speaker, sentences, arguments.sampler, arguments.steps, arguments.temperature
            )
            audio_s = sum(len(decoder.decode(c)) for c in codes) / SAMPLE_RATE
            line |= _minutes(arguments.log) | {"sampler": arguments.sampler}
            line |= {"steps": arguments.steps, "s_per_s": round(seconds / max(audio_s, 1e-6), 3)}
            line["symbol_errors"] = round(symbol_errors(codes, exact), 4)
        lines.append(line | _heard(decoder, codes, sentences, arguments))
    return lines


def symbol_errors(found: Sequence[np.ndarray], wanted: Sequence[np.ndarray]) -> float:
    """Edits of all rows of symbols / symbols of all wanted ones."""
    pairs = [
        ((a[:, 0] // len(DURATIONS)).tolist(), (b[:, 0] // len(DURATIONS)).tolist())
        for a, b in zip(found, wanted, strict=True)
    ]
    return sum(edit_distance(a, b) for a, b in pairs) / sum(len(b) for _, b in pairs)


def _heard(
    decoder: SpeechDecoder,
    codes: Sequence[np.ndarray],
    sentences: Sequence[str],
    arguments: argparse.Namespace,
) -> dict[str, object]:
    """Word error rates, the rating, and what was heard where it differs."""
    sounds = [resample(decoder.decode(c), SAMPLE_RATE) for c in codes]
    line: dict[str, object] = {}
    for name in arguments.judges:
        if name == "dnsmos":
            rate = listeners.dnsmos()
            line[name] = round(float(np.mean([rate(s) for s in sounds])), 3)
            continue
        listen = JUDGES[name]()
        heard = [listen(s) for s in tqdm(sounds, desc=name, mininterval=10)]
        figures = wer_metrics(f"wer_{name}", heard, sentences)
        line |= {k: round(v, 4) for k, v in figures.items()}
        if arguments.show:
            rates = [word_error_rate([h], [s]) for h, s in zip(heard, sentences, strict=True)]
            worst = np.argsort(rates)[::-1][: arguments.show]
            line[f"worst_{name}"] = [(sentences[i], heard[i]) for i in worst if rates[i] > 0]
    return line


def _minutes(log: Path | None) -> dict[str, object]:
    """Return the minutes that the run had been trained, by the last line of its log that says
    so."""
    if log is None or not log.exists():
        return {}
    rows = [json.loads(row) for row in log.read_text().splitlines()]
    timed = [row for row in rows if "s" in row]
    return {k: timed[-1][k] for k in ("step", "seen", "s")} if timed else {}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.text_to_speech", description=__doc__
    )
    parser.add_argument("folder", type=Path, help="of a speaker")
    parser.add_argument("--decoder", type=Path, required=True, help="a safetensors file")
    parser.add_argument("--sentences", type=Path, nargs="+", required=True, help="npz files")
    parser.add_argument("--num", type=int, default=60, help="sentences of each file")
    parser.add_argument("--sampler", choices=SAMPLERS, default="masked")
    parser.add_argument("--steps", type=int, default=12, help="network calls a block")
    parser.add_argument("--temperature", type=float, default=0.3)
    parser.add_argument("--floor", action="store_true", help="the exact codes, and no speaker")
    parser.add_argument("--judges", nargs="+", choices=(*JUDGES, "dnsmos"), default=["tiny"])
    parser.add_argument("--show", type=int, default=0, help="so many that were misheard most")
    parser.add_argument("--log", type=Path, help="log.jsonl of the run, for its minutes")
    parser.add_argument("--json", type=Path, help="a file of JSON lines to add to")
    return parser


if __name__ == "__main__":
    sys.exit(main())
