"""Labels of what the model sees: at each step where somebody asks, and of a run that is over."""

import json
from typing import Any

import pytest

from app.session import Session
from app.stream.patch_labels import LabelService
from app.stream.run import Run
from engine.api.conversation import Conversation
from engine.api.request import Modality, Request
from engine.api.sampling import Sampling
from tests.fake_engine import FakeEngine

STEPS = 3


@pytest.fixture
def session() -> Session:
    return Session(FakeEngine(step_s=0.0))


def labelled(session: Session, *, asked: bool, to: Modality = Modality.IMAGE) -> tuple[str, Any]:
    """A run's id, and the labels that its steps carried."""
    run = session.open(Request(Conversation.ask("a whale"), to, Sampling(steps=STEPS)), "visitor")
    run.labelled = asked
    list(session.drive(run.control_id))
    return run.id, carried(run)


def carried(run: Run) -> list[Any]:
    """The labels of each step of a run, None where there are none."""
    headers = [message.header for _, message in run.steps()]
    return [header.get("labels") for header in headers if header["kind"] == "refined"]


def answered(session: Session, run_id: str) -> dict[str, Any]:
    service = LabelService(session.engine, session.bus, session.trace_of)
    return json.loads(bytes(service.answer(run_id).body))


def test_nobody_asks_and_nothing_is_read(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session.engine, "read_probes", None)
    assert labelled(session, asked=False)[1] == [None] * STEPS


def test_each_step_of_a_picture_carries_its_labels(session: Session) -> None:
    _, found = labelled(session, asked=True)
    assert len(found) == STEPS
    for labels in found:
        assert labels["words"][:2] == ["red car", ""]
        assert labels["sure"][0] == 0.75


def test_a_film_carries_none(session: Session) -> None:
    assert set(labelled(session, asked=True, to=Modality.VIDEO)[1]) == {None}


def test_a_run_that_is_over_is_labelled_as_it_would_have_been(session: Session) -> None:
    run_id, _ = labelled(session, asked=False)
    assert answered(session, run_id)["steps"] == labelled(session, asked=True)[1]


def test_a_run_under_way_carries_labels_from_then_on(session: Session) -> None:
    run = session.open(
        Request(Conversation.ask("a whale"), Modality.IMAGE, Sampling(steps=STEPS)), "visitor"
    )
    assert answered(session, run.id) == {"steps": []}
    list(session.drive(run.control_id))
    assert len(carried(run)) == STEPS
    assert all(carried(run))


def test_a_forgotten_run_is_told(session: Session) -> None:
    assert "no longer kept" in answered(session, "another")["sentence"]
