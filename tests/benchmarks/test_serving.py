"""Many users of a worker and of the page in front of it, with an engine that takes no time."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks import serving as command
from serving.remote.link import Link
from serving.remote.remote_engine import RemoteEngine
from tests.fake_engine import FakeEngine
from tests.page_server import served
from tests.serving.conftest import serving

USERS = 6


@contextmanager
def _worker(checkpoint: Path) -> Iterator[str]:
    with serving(FakeEngine(0.0)) as worker:
        yield worker.address


@contextmanager
def _page(worker: str) -> Iterator[str]:
    with served(RemoteEngine.connect(Link(worker))) as page:
        yield page.url


def test_everyone_gets_their_own_picture(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "_worker", _worker)
    monkeypatch.setattr(command, "_page", _page)
    assert command.main(["--users", str(USERS)]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])["metrics"]
    for place in ("worker", "page"):
        assert told[f"{place}_alone_own_picture"] == told[f"{place}_{USERS}_own_picture"] == 1
        first, whole = (told[f"{place}_{USERS}_{name}_s_p95"] for name in ("first", "whole"))
        assert 0 < first < whole
    assert told[f"page_{USERS}_places_that_rose"] == 0


def test_a_picture_of_another_seed_is_none_of_ones_own() -> None:
    found = [command.Served(0.1, 0.2, name) for name in ("a", "a", "")]
    told = command._figures("x", found, ["a", "b", "c", *"defgh"])
    assert told["x_own_picture"] == pytest.approx(1 / 3)
