"""Sound on its way to the page: samples as they are final, a file that tells how it was made."""

import json

import numpy as np

from app.stream import encode
from app.stream.run_bus import StepBus
from app.stream.run_driver import RunDriver
from engine.api.conversation import Conversation
from engine.api.events import Answer, AudioChunk
from engine.api.request import Modality, Request
from engine.api.sampling import Sampling
from engine.media.audio import from_pcm16, note_in_sound
from tests.fake_engine import FakeEngine
from tests.fake_script import NUM_BLOCKS

TONE = (0.3 * np.sin(np.arange(3_200) / 5)).astype(np.float32)
SPOKEN = Request(Conversation.ask("hello!"), sampling=Sampling(steps=4, seed=5), aloud=True)


def test_final_samples_travel_whole_and_are_never_dropped() -> None:
    message = encode.message(AudioChunk(2, TONE, True, 1.5))
    assert message.kept
    assert message.header["kind"] == "sounded"
    assert np.allclose(from_pcm16(message.media["samples"].content), TONE, atol=1e-4)


def test_the_file_carries_its_recipe_and_the_words_that_were_heard() -> None:
    spoken = Request(Conversation.ask("", audio=TONE), sampling=Sampling(seed=5))
    tokens = np.zeros((5, 2), np.int64)
    answers = (
        Answer(Modality.TEXT, tokens[:, :1], text="say hello", heard=True),
        Answer(Modality.AUDIO, tokens, audio=TONE),
    )
    message = encode.ended("completed", spoken, answers, 1.0, 3)
    assert message.media["answer_1"].content_type == "audio/wav"
    recipe = json.loads(note_in_sound(message.media["answer_1"].content) or "")
    assert (recipe["prompt"], recipe["seed"]) == ("say hello", 5)


def test_a_stopped_sound_leaves_what_could_be_heard() -> None:
    engine, bus = FakeEngine(step_s=0), StepBus()
    run = bus.open("visitor")

    def stop_after_a_block(event: object) -> None:
        if isinstance(event, AudioChunk):
            run.stop()

    driver = RunDriver(engine.generate, SPOKEN, run, bus, see=stop_after_a_block)
    list(driver)
    assert driver.outcome is not None and driver.outcome.stopped
    words, sound = driver.outcome.answers
    assert words.text
    assert sound.audio is not None
    assert len(sound.audio) == 16_000
    whole = RunDriver(engine.generate, SPOKEN, bus.open("visitor"), bus)
    list(whole)
    assert whole.outcome is not None
    made = whole.outcome.answers[1].audio
    assert made is not None
    assert len(made) == 16_000 * NUM_BLOCKS
