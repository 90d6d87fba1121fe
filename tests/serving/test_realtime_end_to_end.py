"""The embedded model in a live conversation: a spoken question in, a spoken answer out."""

import numpy as np
import pytest

from engine.engine import Engine
from serving.engines.batched_engine import BatchedEngine
from tests.serving.conftest import serving
from tests.serving.live import Live, of_kind, question, sound_of
from tests.serving.test_end_to_end import NANO


@pytest.fixture(scope="module")
def nano() -> Engine:
    return Engine.load(NANO, "cpu")


def test_a_spoken_question_is_answered_aloud(nano: Engine) -> None:
    name = nano.info()["name"]
    with (
        serving(BatchedEngine(nano, 8)) as served,
        served.client().realtime.connect(model=name, max_retries=0) as connection,
    ):
        session = Live(connection)
        session.set(seed=3, steps=4, audio={"input": {"transcription": {}}})
        session.hear(question())
        events = session.until("response.done")
    assert events[-1].response.status == "completed"
    (heard,) = of_kind(events, "conversation.item.input_audio_transcription.completed")
    assert heard.transcript
    sound = np.frombuffer(sound_of(events), "<i2")
    assert len(sound) > 12_000 and sound.std() > 100
    said = of_kind(events, "response.output_audio_transcript.done")[0].transcript
    assert said == events[-1].response.output[0].content[0].transcript != ""
