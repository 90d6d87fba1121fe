"""Held-out sentences spoken by the model, judged beside recordings of the same sentences."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from tqdm import tqdm

from engine.api.conversation import Conversation
from engine.api.request import Request
from engine.api.sampling import Sampling
from evaluation.answers import generate_answers, record_verdicts, seeded
from evaluation.judges.speech_judges import Listen, Rate
from evaluation.judges.stoi import stoi
from evaluation.judges.word_error_rate import wer_metrics, word_error_rate
from evaluation.pack import Pack, first
from evaluation.result import Measurement
from evaluation.speech_client import (
    MOST_STREAMED,
    SpeechEngine,
    audio_of,
    latency_metrics,
    sound_round_trip,
)
from evaluation.suites.spoken_qa import same_words
from flow.modality import Modality
from world.audio.speech import Clip
from world.audio.voices import SAMPLE_RATE
from world.text.sentences import SAY

COMPARED_S = 1.0
"""The shortest clip that STOI compares."""


@dataclass(frozen=True)
class Judges:
    """The judges: two recognisers of different kinds, and a predictor of quality."""

    whisper: Listen
    pocketsphinx: Listen
    mos: Rate


def evaluate(
    engine: SpeechEngine, pack: Pack, num: int, seed: int, sampling: Sampling, judges: Judges
) -> Measurement:
    """Return figures over the first num sentences of the pack in the output voice.

    wer, with its 95 percent interval, and wer_pocketsphinx: word error rates by two recognisers.
    mos: mean rating of quality, from 1 to 5. stoi: of the sound tokenizer alone, see
    `evaluation.judges.stoi`; mean over the true recordings of at least `COMPARED_S`, left out where
    there is none. first_sound_s: median time from a request to its first sound; rtf: seconds of
    computing a second of sound. Judge: the same rates of the true recordings, wer_floor,
    wer_floor_pocketsphinx and mos_true; wer_round_trip and mos_round_trip of the recordings after
    the tokenizer, the best that a generator over its codes could reach. Raises ValueError where the
    pack has fewer sentences.


    """
    clips = first(pack.own, num, "tts")
    sampling = replace(sampling, seed=seed)
    wanted = [c.sentence for c in clips]
    requests = [speech_request(sentence, seeded(sampling, i)) for i, sentence in enumerate(wanted)]
    spoken = [audio_of(answers) for answers in generate_answers(engine, requests, "speak")]
    decoded = [sound_round_trip(engine, c.samples) for c in clips]
    true = [c.samples for c in clips]
    understood = transcripts_of(spoken, judges.whisper)
    record_verdicts(
        engine, "speak", (same_words(h, w) for h, w in zip(understood, wanted, strict=True))
    )
    return Measurement(
        {
            **wer_metrics("wer", understood, wanted),
            "wer_pocketsphinx": word_error_rate(
                transcripts_of(spoken, judges.pocketsphinx), wanted
            ),
            "mos": mean_rating(spoken, judges.mos),
            **stoi_metrics(clips, decoded),
            **latency_metrics(engine, requests[:MOST_STREAMED]),
        },
        {
            "num": float(num),
            "wer_floor": word_error_rate(transcripts_of(true, judges.whisper), wanted),
            "wer_floor_pocketsphinx": word_error_rate(
                transcripts_of(true, judges.pocketsphinx), wanted
            ),
            "wer_round_trip": word_error_rate(transcripts_of(decoded, judges.whisper), wanted),
            "mos_true": mean_rating(true, judges.mos),
            "mos_round_trip": mean_rating(decoded, judges.mos),
        },
    )


def speech_request(sentence: str, sampling: Sampling) -> Request:
    """Return the request to speak a sentence."""
    return Request(Conversation.ask(SAY.format(sentence)), Modality.AUDIO, sampling)


def transcripts_of(sounds: Sequence[np.ndarray], listen: Listen) -> list[str]:
    return [listen(samples) for samples in tqdm(sounds, desc="judge")]


def mean_rating(sounds: Sequence[np.ndarray], rate: Rate) -> float:
    return float(np.mean([rate(samples) for samples in tqdm(sounds, desc="rate")]))


def stoi_metrics(clips: Sequence[Clip], decoded: Sequence[np.ndarray]) -> dict[str, float]:
    """Return the mean STOI of recordings after a codec round trip, under its name."""
    pairs = zip((c.samples for c in clips), decoded, strict=True)
    found = [stoi(a, b) for a, b in pairs if len(a) >= COMPARED_S * SAMPLE_RATE]
    return {"stoi": float(np.mean(found))} if found else {}
