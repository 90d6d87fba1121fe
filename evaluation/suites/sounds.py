"""Held-out sounds, named by the model; and sounds generated from text, named by a judge."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from tqdm import tqdm

from engine.api.conversation import Conversation
from engine.api.request import Request
from engine.api.sampling import Sampling
from evaluation.answers import generate_answers, plain, record_verdicts, seeded, text_of
from evaluation.pack import Pack, first
from evaluation.result import Measurement, share, share_metrics
from evaluation.speech_client import SpeechEngine, audio_of, sound_round_trip
from flow.modality import Modality
from world.text.sentences import sound_answer

NAME_IT = "what do you hear?"
MAKE_IT = "the sound of {}"


def evaluate(
    engine: SpeechEngine, pack: Pack, num: int, seed: int, sampling: Sampling
) -> Measurement:
    """Return shares in [0, 1] over the first num sounds of the pack, with their 95 percent
    intervals.

    sound_caption: sounds whose answer is `world.text.sentences.sound_answer` the thing. sound_made:
    sounds that the model makes of the same things and that the judge
    (`evaluation.judges.sound_judge`) takes for them. Judge: true_sounds, the held-out sounds that
    it names right; round_trips, the same after the sound tokenizer, the best that a generator over
    its codes could score. Raises ValueError where the pack has fewer sounds.

    """
    clips = first(pack.sounds, num, "sounds")
    sampling = replace(sampling, seed=seed)
    things = [c.sentence for c in clips]
    to_name = [
        Request(Conversation.ask(NAME_IT, audio=c.samples), Modality.TEXT, seeded(sampling, i))
        for i, c in enumerate(clips)
    ]
    to_make = [
        Request(Conversation.ask(MAKE_IT.format(t)), Modality.AUDIO, seeded(sampling, i))
        for i, t in enumerate(things)
    ]
    named = [text_of(answers) for answers in generate_answers(engine, to_name, "name")]
    made = [audio_of(answers) for answers in generate_answers(engine, to_make, "make")]
    decoded = [sound_round_trip(engine, c.samples) for c in tqdm(clips, desc="decode")]

    def named_correctly(sounds: Sequence[np.ndarray]) -> list[bool]:
        return [pack.judge.name(s) == thing for s, thing in zip(sounds, things, strict=True)]

    right = [n == plain(sound_answer(thing)) for n, thing in zip(named, things, strict=True)]
    taken_for_it = named_correctly(made)
    record_verdicts(engine, "name", right)
    record_verdicts(engine, "make", taken_for_it)
    return Measurement(
        {**share_metrics("sound_caption", right), **share_metrics("sound_made", taken_for_it)},
        {
            "num": float(num),
            "true_sounds": share(named_correctly([c.samples for c in clips])),
            "round_trips": share(named_correctly(decoded)),
        },
    )
