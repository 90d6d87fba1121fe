"""The host keeps the last recorded runs, and only those that were to be recorded."""

from app.session import MAX_TRACES, Session
from engine.api.conversation import Conversation
from engine.api.request import Modality, Request
from engine.api.sampling import Sampling
from tests.fake_engine import FakeEngine


def _driven(session: Session, text: str = "a big whale", watch: int = 3) -> str:
    request = Request(Conversation.ask(text), Modality.IMAGE, Sampling(steps=2))
    run = session.open(request, owner="visitor", watch=watch)
    list(session.drive(run.control_id))
    return run.id


def test_a_run_is_recorded_where_that_was_asked() -> None:
    session = Session(FakeEngine(step_s=0.0))
    assert session.traces.get(_driven(session, watch=0)) is None
    trace = session.traces[_driven(session)]
    assert trace.request.conversation.turns[0].parts[0].text == "a big whale"
    assert trace.segments[0].num_steps == 2


def test_the_oldest_recorded_run_goes() -> None:
    session = Session(FakeEngine(step_s=0.0))
    ids = [_driven(session) for _ in range(MAX_TRACES + 2)]
    assert list(session.traces) == ids[2:]


def test_a_run_without_a_step_is_not_kept() -> None:
    session = Session(FakeEngine(step_s=0.0))
    assert session.traces.get(_driven(session, "refuse this")) is None


def test_as_many_runs_are_driven_at_once_as_the_engine_has_turns_for() -> None:
    class Shared(FakeEngine):
        at_once = 4

    assert Session(FakeEngine(step_s=0.0)).driving["concurrency_limit"] == 1
    session = Session(Shared(step_s=0.0))
    assert session.driving["concurrency_limit"] == session.bus.at_once == 4
