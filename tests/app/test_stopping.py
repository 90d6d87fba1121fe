"""The end of the process: who waits is told, what was private is gone, nothing is left over."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from app.page import wait_until_stopped
from app.session import RESTARTING, Session
from engine.api.conversation import Conversation
from engine.api.request import Modality, Request
from engine.api.sampling import Sampling
from tests.fake_engine import FakeEngine
from tests.page_server import PATIENCE_S, until

ROOT = Path(__file__).resolve().parents[1].parent
PAGE = """
from app.page import build_page, serve, wait_until_stopped
from app.session import Session
from engine.api.conversation import Conversation
from engine.api.request import Modality, Request
from engine.api.sampling import Sampling
from tests.fake_engine import FakeEngine
from tests.page_server import free_port
import signal
import threading
import time

session = Session(FakeEngine(step_s=0.05, finds=True))
page = build_page(session, None)
serve(page, session, "127.0.0.1", free_port())
request = Request(Conversation.ask("a red heart"), Modality.IMAGE, Sampling(steps=1000))
runs = [session.open(request, f"visitor {i}") for i in range(3)]
threading.Thread(target=lambda: list(session.drive(runs[0].control_id))).start()
while not runs[0].steps():
    pass


def tell_when_ready():
    while signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        time.sleep(0.01)
    print(session.library._home.name, flush=True)


threading.Thread(target=tell_when_ready).start()
wait_until_stopped(page, session)
print([run.failure for run in runs], runs[0].ending.header["kind"], flush=True)
"""


def test_runs_are_told_when_the_page_ends() -> None:
    session = Session(FakeEngine(step_s=0))
    request = Request(Conversation.ask("a red heart"), Modality.IMAGE, Sampling(steps=2))
    waiting = session.open(request, "me")
    session.stop_all()
    assert waiting.failure == RESTARTING
    assert session.bus.unfinished() == []


class _Closed:
    """A page that is told to close, and a library."""

    def __init__(self) -> None:
        self.times = 0

    def close(self, **_: object) -> None:
        self.times += 1


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_each_signal_that_asks_for_an_end_is_heard(sign: int) -> None:
    session, page = Session(FakeEngine(step_s=0)), _Closed()
    session.library = page
    before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        teller = threading.Thread(target=_tell_when_heard, args=(sign, before[sign]))
        teller.start()
        wait_until_stopped(page, session)
        teller.join()
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
    assert page.times == 2


def _tell_when_heard(sign: int, before: object) -> None:
    until(lambda: signal.getsignal(sign) is not before)
    os.kill(os.getpid(), sign)


def test_a_signal_ends_the_page_with_runs_under_way(tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path)}
    environment |= {"GRADIO_ANALYTICS_ENABLED": "False", "OMP_NUM_THREADS": "1"}
    page = subprocess.Popen(
        [sys.executable, "-c", PAGE],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert page.stdout is not None
    private = Path(page.stdout.readline().strip())
    assert private.parent == tmp_path
    until(private.exists)
    page.send_signal(signal.SIGTERM)
    told, errors = page.communicate(timeout=PATIENCE_S)
    assert page.returncode == 0
    assert "Traceback" not in errors
    assert told.strip() == f"{[None, RESTARTING, RESTARTING]} stopped"
    assert not list(tmp_path.glob("kept-*"))
