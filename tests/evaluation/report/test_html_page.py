"""The page about all results, and the examples on it: the first by seed, escaped, in one file."""

import re
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

import evaluation.__main__ as command
from engine.api.conversation import Conversation
from engine.api.events import Answer
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from evaluation import run_all
from evaluation.answers import AnswerEngine, generate_answers, record_verdicts
from evaluation.recording_engine import EACH, EACH_OF_FEW, FEW, Group, RecordingEngine
from evaluation.report import examples, html_page
from evaluation.result import Result
from evaluation.run_all import AllResults
from evaluation.suites import captions, chat, thinking
from flow.modality import Modality
from tests.evaluation.perfect import TOKENS, ScriptedAnswerer, said
from tests.evaluation.test_run_all import Whole, whole

RESULT = Result(
    "matrix", "2026-01-01", "nano", "cpu", 0, 24, 9.0,
    {"text_to_text": 0.5, "text_to_text_low": 0.4, "text_to_text_high": 0.625, "trained": 1.0},
    {"num": 24.0, "text_to_text": 0.875}, {"sound_to_image": "not trained: <no> lesson"},
)  # fmt: skip
FOUND = AllResults(
    "2026-01-01", "nano", "abc", "cpu", 0, {"matrix": RESULT}, {"video": "not trained: films"}
)
MAGIC = {"image/png": b"\x89PNG", "image/gif": b"GIF8", "audio/mpeg": b"\xff"}


def collector(script: list[tuple[Answer, ...]] | None = None) -> RecordingEngine:
    return RecordingEngine(cast(Engine, ScriptedAnswerer(script or [said("x")] * 100)))


def wishes(num: int) -> list[Request]:
    return [Request(Conversation.ask("?"), None, Sampling(seed=i)) for i in range(num)]


def seeds(group: Group) -> list[tuple[int, bool | None]]:
    return [(e.request.sampling.seed, e.right) for e in group.examples]


def test_the_first_right_and_the_first_wrong_ones_are_kept() -> None:
    engine = collector()
    generate_answers(engine, wishes(12), "draw")
    record_verdicts(engine, "draw", (i % 6 == 5 for i in range(12)))
    (group,) = engine.take_groups()
    wrong = [(i, False) for i in range(EACH_OF_FEW)]
    assert seeds(group) == [(5, True), (11, True), *wrong]
    assert (group.what, group.num, group.num_right) == ("draw", 12, 2)
    assert engine.take_groups() == ()


def test_without_verdicts_the_first_ones_are_kept() -> None:
    engine = collector()
    for _ in range(FEW + 1):
        generate_answers(engine, wishes(9), "say")
    groups = engine.take_groups()
    assert all(seeds(g) == [(i, None) for i in range(2 * EACH)] for g in groups)
    assert {g.num_right for g in groups} == {None}


def test_verdicts_belong_to_the_last_group_of_a_name() -> None:
    engine = collector()
    for num in (2, 3):
        generate_answers(engine, wishes(num), "say")
    record_verdicts(engine, "say", [True, True, False])
    assert [g.num_right for g in engine.take_groups()] == [None, 2]


def test_an_engine_that_remembers_nothing_is_asked_as_ever() -> None:
    engine: AnswerEngine = ScriptedAnswerer([said("x")] * 2)
    assert len(generate_answers(engine, wishes(2), "say")) == 2
    record_verdicts(engine, "say", [True, False])


def test_the_suite_of_talk_hands_over_its_verdicts() -> None:
    engine = collector([said("no", suggest=True)] * 12)
    chat.evaluate(engine, 12, 0, Sampling())
    (group,) = engine.take_groups()
    assert (group.what, group.num, group.num_right) == ("chat", 12, 2)


def test_questions_hand_over_their_verdicts_by_kind() -> None:
    plan = captions.plan(4, 1)
    engine = collector([said(a.question.answer) for row in plan.values() for a in row])
    captions.evaluate(engine, 4, 1, Sampling())
    found = {g.what: g.num_right for g in engine.take_groups()}
    assert found == {"object": 4, "count": 4, "colour": 4}
    engine = collector([said("x")] * 8)
    thinking.evaluate(engine, 4, 1, Sampling())
    assert [(g.what, g.num_right) for g in engine.take_groups()] == [("think", 0), ("at once", 0)]


def media_answer() -> tuple[Answer, ...]:
    film = np.random.default_rng(0).integers(255, size=(8, 128, 128, 3)).astype(np.uint8)
    tone = np.sin(np.arange(16_000) / 8).astype(np.float32) / 2
    return (
        Answer(Modality.TEXT, TOKENS, text="<script>alert(1)</script>", thought="a & b"),
        Answer(Modality.IMAGE, TOKENS, image=film[0]),
        Answer(Modality.VIDEO, TOKENS, video=film),
        Answer(Modality.AUDIO, TOKENS, audio=tone),
        Answer(Modality.AUDIO, TOKENS, audio=tone[:0]),
    )


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [v or "" for k, v in attrs if k == "src" or (k == "href" and tag != "a")]


def section() -> str:
    engine = collector([media_answer()])
    generate_answers(engine, wishes(1), "<talk>")
    record_verdicts(engine, "<talk>", [False])
    return examples.section(engine.take_groups(), "matrix abc 0 24")


def test_the_page_holds_all_that_it_shows() -> None:
    page = html_page.page(FOUND, {"matrix": section()})
    read = Tags()
    read.feed(page)
    kinds: list[str] = []
    for source in read.sources:
        found = re.fullmatch(r"data:([a-z/]+);base64,(.+)", source)
        assert found is not None, source[:40]
        assert b64decode(found[2]).startswith(MAGIC[found[1]])
        kinds.append(found[1])
    assert kinds == ["image/png", "image/gif", "audio/mpeg"]
    assert "script" not in read.tags
    assert "&lt;script&gt;" in page
    assert "&lt;talk&gt;" in page
    assert "a &amp; b" in page
    assert "(silence)" in page
    assert "http" not in page
    assert "@import" not in page
    assert "prefers-color-scheme:dark" in page
    assert 'name=viewport content="width=device-width' in page
    assert "wrong, seed 0" in page


def test_the_page_has_every_figure_with_interval_and_ceiling() -> None:
    page = html_page.page(FOUND, {})
    row = next(r for r in page.splitlines() if r.startswith("<tr><td>text_to_text"))
    assert re.sub("<[^>]*>", " ", row).split() == ["text_to_text", "0.500", "0.400", "to", "0.625",
                                                  "0.875"]  # fmt: skip
    assert "left:40.0%;width:22.5%" in row
    assert "<tr><td>trained<td>1.000" in page
    assert "text_to_text_low" not in page
    assert "not trained: &lt;no&gt; lesson" in page
    assert "video: not trained: films" in page
    assert "No examples were kept" in page


def test_a_sound_becomes_a_small_mp3() -> None:
    tone = np.sin(np.arange(32_000) / 8).astype(np.float32)
    assert 1_000 < len(examples.mp3_bytes(tone)) < 20_000


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Whole:
    talker = whole(lambda _: said("a dog"))
    monkeypatch.setattr(command.Engine, "load", lambda *_, **__: talker)
    return talker


def test_the_page_of_a_run_that_is_gone_on_with(engine: Whole, tmp_path: Path) -> None:
    file, page = tmp_path / "all.json", tmp_path / "all.html"
    options: list[Any] = ["all", "--num", "6", "--json", file, "--report", page, "--resume"]

    def run(*names: str) -> str:
        assert command.main([str(o) for o in (*options, "--only", *names)]) == 0
        return page.read_text()

    first = run("chat")
    old = examples.find_section(first, "chat abc 0 6")
    assert old is not None
    assert "<article" in old
    assert engine.asked
    second = run("captions", "chat")
    assert examples.find_section(second, "chat abc 0 6") == old
    assert examples.find_section(second, "captions abc 0 12") is not None
    engine.digest = "other"
    third = run("captions")
    assert examples.find_section(third, "chat abc 0 6") is None
    assert examples.find_section(third, "captions other 0 12") is not None
    found = run_all.read(file)
    assert isinstance(found, AllResults)
    assert list(found.suites) == ["captions"]
