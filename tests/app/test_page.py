"""The page driven through its API: what a script, or a browser without websockets, can do."""

import json
import struct
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from gradio_client import Client, handle_file
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from app.page import FIRST_CHAT, FIRST_FILM, FIRST_RUN, header_html, recorded_run
from app.record import record
from app.stream.run import watch_id
from app.tabs.about import about_html
from engine.__main__ import main as command_line
from engine.api.conversation import Conversation
from engine.api.events import Refined
from engine.api.request import Modality, Request
from engine.api.sampling import Sampling
from engine.media.images import png_bytes
from tests.fake_engine import FakeEngine
from tests.fake_scenes import draw
from tests.page_server import PATIENCE_S, Served, served, until

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ("a big whale by the sea", 8, 3, "midpoint", "5", True)


@pytest.fixture(scope="module")
def engine() -> FakeEngine:
    return FakeEngine(step_s=0.02)


@pytest.fixture(scope="module")
def page(engine: FakeEngine) -> Iterator[Served]:
    with served(engine) as running:
        yield running


@pytest.fixture
def client(page: Served) -> Client:
    return page.client()


def live(page: Served, ticket: str) -> str:
    """The watch address of the run that a ticket controls."""
    return page.url.replace("http", "ws") + f"live/{watch_id(ticket)}"


def headers(page: Served, run: str) -> list[dict[str, object]]:
    """Everything the websocket of a run says, until it closes."""
    found = []
    with connect(live(page, run), open_timeout=PATIENCE_S) as socket:
        for message in socket:
            assert isinstance(message, bytes)
            (length,) = struct.unpack(">I", message[:4])
            found.append(json.loads(message[4 : 4 + length]))
    return found


def test_a_picture_through_the_api_without_a_websocket(client: Client) -> None:
    ticket, seed, *_ = client.predict("", *PICTURE, api_name="/draw")
    assert seed == "5"
    job = client.submit(ticket, api_name="/draw_run")
    final = job.result(timeout=PATIENCE_S)
    assert "completed" in [message["kind"] for message in final["messages"]]
    assert any("refined" in str(value) for value in job.outputs()[:-1]), "the fallback shows steps"


def test_a_film_through_the_api_begins_with_a_picture(client: Client, tmp_path: Path) -> None:
    form = ("", "a red car moving to the left", 4, 1, "midpoint", "5", True)
    first = tmp_path / "first.png"
    first.write_text("no picture")
    broken = client.predict(*form, handle_file(first), None, api_name="/film")
    assert "not a picture that can be read" in str(broken)
    first.write_bytes(png_bytes(draw("a red car", 0)))
    ticket, *_ = client.predict(*form, handle_file(first), None, api_name="/film")
    final = client.submit(ticket, api_name="/film_run").result(timeout=PATIENCE_S)
    (last,) = [m for m in final["messages"] if m["kind"] == "completed"]
    assert last["recipe"]["given"] == ["image"]
    assert sorted(last["media"]) == ["answer_0", "answer_0_gif"]


def test_the_websocket_tells_every_step(page: Served, client: Client) -> None:
    ticket, *_ = client.predict("", *PICTURE, api_name="/draw")
    client.submit(ticket, api_name="/draw_run")
    told = headers(page, ticket)
    assert {m["index"] for m in told if m["kind"] == "refined"} == set(range(8))
    assert [m["kind"] for m in told if m["kind"] in ("started", "completed")] == [
        "started",
        "completed",
    ]


def _begin(client: Client, steps: int) -> str:
    """The id of a run that is under way."""
    ticket, *_ = client.predict("", *PICTURE[:1], steps, *PICTURE[2:], api_name="/draw")
    client.submit(ticket, api_name="/draw_run")
    return str(ticket)


def test_a_run_is_watched_from_the_command_line(
    page: Served, client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = live(page, _begin(client, 8))
    assert command_line(["watch", url, "--out", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "image begins: 8 steps" in lines[0] or "image begins" in lines[1]
    assert any(line.startswith("step 8/8: t 1.000") for line in lines)
    assert lines[-2].startswith("completed after")
    assert (tmp_path / "answer_0.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("no address", "give ws://HOST/live/ID"),
        ("ws://127.0.0.1:9/live/x", "cannot be reached"),
    ],
)
def test_a_wrong_link_is_explained(url: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line(["watch", url]) == 2
    assert says in capsys.readouterr().err


def test_a_link_to_no_run_is_explained(page: Served, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line(["watch", live(page, "never")]) == 2
    assert "no run is to be seen" in capsys.readouterr().err


def test_twenty_watchers_all_see_the_end_beside_three_bad_ones(
    page: Served, client: Client, engine: FakeEngine
) -> None:
    """One talks without end, one sends a heap of garbage, one never reads."""
    with ThreadPoolExecutor(20) as pool:
        with engine.gated(Refined):  # nothing ends before the rude ones have gone
            run = _begin(client, 24)
            with (
                connect(live(page, run), open_timeout=PATIENCE_S) as talker,
                connect(live(page, run), open_timeout=PATIENCE_S) as dumper,
                connect(live(page, run), open_timeout=PATIENCE_S),
            ):
                watching = [pool.submit(headers, page, run) for _ in range(20)]
                for _ in range(40):
                    talker.send("still here?")
                dumper.send(bytes(100_000))
                assert [_shown_out(rude) for rude in (talker, dumper)] == [1008, 1008]
        for told in (w.result(timeout=PATIENCE_S) for w in watching):
            assert "completed" in {m["kind"] for m in told}


def _shown_out(socket: ClientConnection) -> int:
    """The code with which the server closes, whatever it says before."""
    try:
        for _ in socket:
            pass
    except ConnectionClosedError as closed:
        return closed.rcvd.code if closed.rcvd is not None else 1006
    return 1000


def test_an_unknown_run_is_refused(page: Served) -> None:
    with pytest.raises(InvalidStatus), connect(live(page, "not-a-run"), open_timeout=PATIENCE_S):
        pass


def test_stop_ends_a_run_within_a_step(page: Served, client: Client, engine: FakeEngine) -> None:
    with engine.gated(Refined):
        ticket = _begin(client, 64)
        until(lambda: "refined" in {m.header["kind"] for _, m in page.last_run.steps()})
        client.predict(ticket, api_name="/draw_stop")
    told = headers(page, ticket)
    assert [m["kind"] for m in told if m["kind"] in ("completed", "stopped")] == ["stopped"]
    assert len([m for m in told if m["kind"] == "refined"]) < 60


@pytest.mark.parametrize(
    ("at", "value", "says"),
    [(0, "", "empty"), (0, "a" * 600, "600 characters"), (4, "x", "whole number")],
)
def test_bad_input_is_a_sentence_and_opens_no_run(
    client: Client, at: int, value: str, says: str
) -> None:
    form = [*PICTURE]
    form[at] = value
    answer = client.predict("", *form, api_name="/draw")
    assert says in str(answer)
    assert "Traceback" not in str(answer)


def test_out_of_range_steps_through_the_api_are_refused_in_a_sentence(client: Client) -> None:
    with pytest.raises(Exception, match="10000"):
        client.predict("", PICTURE[0], 10_000, *PICTURE[2:], api_name="/draw")


def test_a_second_visitor_waits_for_its_turn(page: Served, engine: FakeEngine) -> None:
    first, second = (page.client() for _ in range(2))
    with engine.gated(Refined):
        one, *_ = first.predict("", *PICTURE[:1], 32, *PICTURE[2:], api_name="/draw")
        running = first.submit(one, api_name="/draw_run")
        until(lambda: engine.requests and engine.requests[-1].sampling.steps == 32)
        two, _, value, *_ = second.predict("", *PICTURE, api_name="/draw")
        assert value["messages"][0].items() >= {"kind": "waiting", "place": 1}.items()
        waiting = second.submit(two, api_name="/draw_run")
        assert not running.done()
        assert engine.requests[-1].sampling.steps == 32, "the second has not begun"
    waiting.result(timeout=PATIENCE_S)
    running.result(timeout=PATIENCE_S)
    assert engine.closed_after[-2:] == [32, 8], "one after the other"


def test_a_conversation_through_the_api(client: Client) -> None:
    settings = ("auto", "auto", "3", False)
    ticket, *_ = client.predict("", {"text": "hello!", "files": []}, *settings, api_name="/ask")
    value = client.submit(ticket, api_name="/ask_run").result(timeout=PATIENCE_S)
    assert [turn["role"] for turn in value["turns"]] == ["user", "assistant"]
    ticket, *_ = client.predict(
        ticket, {"text": "who is the president?", "files": []}, *settings, api_name="/ask"
    )
    value = client.submit(ticket, api_name="/ask_run").result(timeout=PATIENCE_S)
    assert len(value["turns"]) == 4
    assert len(value["turns"][-1]["suggest"]) == 3


def test_a_recorded_run_is_what_the_page_plays(tmp_path: Path) -> None:
    request = Request(Conversation.ask("two yellow stars"), Modality.IMAGE, Sampling(steps=4))
    trace = record(FakeEngine(step_s=0).generate, request)
    file = tmp_path / "first.json"
    file.write_text(json.dumps(trace))
    messages = (recorded_run(file) or {})["messages"]
    assert isinstance(messages, list)
    assert [m["kind"] for m in messages] == ["started", *["refined"] * 4, "completed"]
    assert messages[-1]["media"]["answer_0"].startswith("data:image/png")
    assert recorded_run(tmp_path / "none.json") is None


@pytest.mark.parametrize("file", [FIRST_RUN, FIRST_FILM, FIRST_CHAT], ids=lambda f: f.stem)
def test_what_the_page_opens_with_shows_every_step(file: Path) -> None:
    """The state and the prediction of each step of a picture or film."""
    messages = (recorded_run(file) or {})["messages"]
    assert isinstance(messages, list)
    shown = [set(m["media"]) for m in messages if m["kind"] == "refined" and "words_t" not in m]
    assert len(shown) == 16
    assert all(media == {"x_t", "x_1"} for media in shown)


def test_header_and_about_show_the_model() -> None:
    info = FakeEngine().info()
    assert "13.4 M parameters" in header_html(info)
    text = about_html(info)
    assert "2510.13721" in text
    assert "64 things" in text
    assert "href" not in text
    trained = {"name": "<x>", "parameters": {"all": 2_000_000}, "facts": {"date": "2026-11-21"}}
    assert "2.0 M parameters" in header_html(trained)
    assert "cuda:0 + cuda:1" in header_html({**trained, "layers": {"cuda:0": 3, "cuda:1": 3}})
    assert "2026-11-21" in about_html(trained)
    assert "polyline" not in about_html(trained)
    points = [{"codebook": q, "t": t, "bits": 4 * t, "exact_hit": t * t} for q in (0, 1)
              for t in (0.0, 0.5)]  # fmt: skip
    drawn = about_html({**trained, "path": {"image": points, "text": points[:2]}})
    assert drawn.count("<polyline") == 2 * 3
    assert "Pictures" in drawn
    assert "nan" not in drawn
    assert "<x>" not in about_html(trained) + header_html(trained)


@pytest.mark.parametrize("by_option", [False, True])
def test_a_missing_checkpoint_is_one_sentence(tmp_path: Path, by_option: bool) -> None:
    nowhere = str(tmp_path / "nowhere")
    ended = subprocess.run(
        [sys.executable, "app.py", *(["--model", nowhere] if by_option else [])],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin"} | ({} if by_option else {"NEXT_OMNI_CHECKPOINT": nowhere}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert (
        ended.stderr.strip()
        .splitlines()[-1]
        .startswith(f"error: there is no checkpoint at {nowhere}")
    )
