"""Held-out sentences in three kinds of voices, transcribed: the word error rate."""

from collections.abc import Sequence
from dataclasses import replace

from tqdm import tqdm

from engine.api.sampling import Sampling
from evaluation.answers import record_verdicts
from evaluation.judges.speech_judges import Listen
from evaluation.judges.word_error_rate import wer_metrics, word_error_rate
from evaluation.pack import Pack, first
from evaluation.result import Measurement
from evaluation.speech_client import SpeechEngine, transcribe
from evaluation.suites.spoken_qa import same_words
from world.audio.speech import Clip
from world.audio.voices import HELD_OUT_VOICES, OUTPUT_VOICE


def evaluate(
    engine: SpeechEngine, pack: Pack, num: int, seed: int, sampling: Sampling, listen: Listen | None
) -> Measurement:
    """Return word error rates of the first num spoken clips of the pack, see
    `evaluation.judges.word_error_rate`.

    wer: of all, with its 95 percent interval wer_low, wer_high. wer_heldout_voices: of the voices
    that were never trained on. wer_output_voice: of the voice that the model speaks with. Either
    is left out where no clip is of that kind. Judge: wer_floor, of another recogniser on the same
    clips; left out where there is none. Raises ValueError where the pack has fewer clips.

    """
    clips = first(pack.spoken, num, "asr")
    found = transcribe(engine, clips, replace(sampling, seed=seed))
    record_verdicts(
        engine, "write down", (same_words(f, c.sentence) for f, c in zip(found, clips, strict=True))
    )
    figures = wer_metrics("wer", found, [c.sentence for c in clips])
    for name, voices in (("heldout_voices", HELD_OUT_VOICES), ("output_voice", (OUTPUT_VOICE,))):
        among = [i for i, c in enumerate(clips) if c.voice in voices]
        if among:
            figures[f"wer_{name}"] = _rate([found[i] for i in among], [clips[i] for i in among])
    if listen is None:
        return Measurement(figures)
    heard = [listen(c.samples) for c in tqdm(clips, desc="judge")]
    return Measurement(figures, {"num": float(num), "wer_floor": _rate(heard, clips)})


def _rate(found: Sequence[str], clips: Sequence[Clip]) -> float:
    return word_error_rate(found, [c.sentence for c in clips])
