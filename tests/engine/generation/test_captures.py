"""Recordings are made once and serve whole conversations."""

from pathlib import Path
from unittest.mock import patch

import pytest

from engine.api.conversation import Conversation, Part, Turn
from engine.api.events import Completed
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.cli.loading import warm_up
from engine.engine import Engine
from flow.modality import Modality
from tests.samplers.fake_graph import FakeGraph, OnDevice

NANO = Path(__file__).resolve().parents[3] / "assets/nano"
MESSAGES = (
    "hello", "what is a fox?", "and what does it eat?", "is a rocket faster than a train?",
    "thank you", "tell me about the sea", "how many legs has a spider?", "what colour is a frog?",
    "do you know a song?", "good night",
)  # fmt: skip


def _texts(engine: Engine) -> list[str]:
    """The answers in words to the messages of a conversation."""
    turns: list[Turn] = []
    said: list[str] = []
    for number, message in enumerate(MESSAGES):
        turns.append(Turn("user", (Part(text=message),)))
        asked = Request(Conversation(tuple(turns)), Modality.TEXT, Sampling(steps=2, seed=number))
        *_, completed = engine.generate(asked)
        assert isinstance(completed, Completed)
        said.append(completed.answers[0].text or "")
        turns.append(Turn("assistant", (Part(text=said[-1]),)))
    return said


def test_a_server_records_the_common_shapes_before_its_first_visitor(
    tiny_engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    warm_up(tiny_engine)
    assert capsys.readouterr().err == "", "a CPU has nothing to record"
    graph = FakeGraph()
    with patch.object(tiny_engine.planner, "graphs", OnDevice(graph)):
        warm_up(tiny_engine)
        assert "recording steps" in capsys.readouterr().err
        before = graph.captured
        assert before >= len(tiny_engine.planner.flows)
        for kind in (Modality.TEXT, Modality.IMAGE):
            request = Request(Conversation.ask("draw a red heart"), kind, Sampling(steps=3))
            list(tiny_engine.generate(request))
        assert graph.captured == before, "their first runs need none"


@pytest.mark.skipif(not NANO.exists(), reason="there is no embedded checkpoint")
def test_ten_turns_need_three_captures_at_most() -> None:
    engine, graph = Engine.load(NANO, "cpu"), FakeGraph(lazy=True)
    plain = _texts(engine)
    with patch.object(engine.planner, "graphs", OnDevice(graph)):
        assert _texts(engine) == plain, "padding changes no word"
    assert 0 < graph.captured <= 3
