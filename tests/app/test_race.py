"""A race: a step of each method in turn, and the seconds of each are its own."""

import asyncio
import time
from collections.abc import Iterator

from app.race import drive_in_turn, on_own_clock, racing_methods
from app.session import Session
from engine.api.conversation import Conversation
from engine.api.events import Completed, Event, Refined
from engine.api.request import Modality, Request
from engine.api.sampling import SAMPLERS, Sampling, methods
from tests.fake_engine import FakeEngine


def opened(session: Session, *steps: int) -> list[str]:
    asked = [
        Request(Conversation.ask("a whale"), Modality.IMAGE, Sampling(steps=num)) for num in steps
    ]
    return [session.open(request, "visitor").control_id for request in asked]


def test_the_runs_take_their_steps_in_turn() -> None:
    order: list[int] = []

    class Noting(FakeEngine):
        def generate(self, request: Request, **options: object) -> Iterator[Event]:
            for event in super().generate(request):
                if isinstance(event, Refined):
                    order.append(event.num_steps)
                yield event

    session = Session(Noting(step_s=0.0))
    ids = opened(session, 2, 3, 5)
    *_, last = drive_in_turn(session, ids)
    assert order == [2, 3, 5, 2, 3, 5, 3, 5, 5, 5]
    assert list(last) == ids
    assert not any(session.busy(run_id) for run_id in ids)


def test_the_order_is_kept_where_somebody_watches_the_first() -> None:
    session = Session(FakeEngine(step_s=0.0))
    ids = opened(session, 2, 3)
    first = session.bus.held(ids[0])
    assert first is not None

    async def raced() -> list[str]:
        messages = first.watch()
        await anext(messages)
        *_, last = drive_in_turn(session, ids)
        await messages.aclose()
        return list(last)

    assert asyncio.run(raced()) == ids


def test_closing_a_race_ends_all_its_runs() -> None:
    session = Session(FakeEngine(step_s=0.0))
    ids = opened(session, 40, 40)
    race = drive_in_turn(session, ids)
    next(race)
    race.close()
    assert not any(session.busy(run_id) for run_id in ids)


def test_the_seconds_of_a_run_leave_out_the_others() -> None:
    engine = FakeEngine(step_s=0.01)
    request = Request(Conversation.ask("a whale"), Modality.IMAGE, Sampling(steps=3))
    begun_s = time.perf_counter()
    ended: list[Completed] = []
    for event in on_own_clock(engine.generate)(request):
        time.sleep(0.2)
        ended += [event] if isinstance(event, Completed) else []
    elapsed_s = time.perf_counter() - begun_s
    assert 0.03 <= ended[0].elapsed_s < elapsed_s - 5 * 0.2


def test_one_method_of_each_sampler_races() -> None:
    known = methods()
    chosen = racing_methods(known, "euler", "midpoint")
    assert list(chosen.values()) == [spec.label for spec in SAMPLERS.values()]
    assert "euler" in chosen
    assert "midpoint" in racing_methods(known, "masked", "midpoint")
    assert racing_methods(("masked",), "euler", "midpoint") == {"masked": SAMPLERS["masked"].label}
