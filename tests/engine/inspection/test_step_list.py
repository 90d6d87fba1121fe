"""A run of any model, written as JSON by a short script, is a trace."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from app.lab.trace_view import overview, surprises, token
from engine.engine import Engine
from engine.inspection.branch import start_of
from engine.inspection.step_list import MAX_BYTES
from engine.inspection.trace import Trace
from engine.inspection.trace_file import read_trace, trace_bytes

TRACE_MD = Path(__file__).resolve().parents[3] / "docs/trace.md"


def steps_of(**changes: Any) -> bytes:
    """A good step list: three steps of two and three tokens."""
    plain: dict[str, Any] = {
        "format": "next-omni steps",
        "version": 1,
        "model": "somebody's",
        "prompt": "say something",
        "words": {"7": " a", "8": " dog"},
        "mask": 9,
        "steps": [{"tokens": [9, 9]}, {"tokens": [7, 9]}, {"tokens": [7, 8, 11]}],
    }
    return json.dumps({**plain, **changes}).encode()


def test_it_reads_as_a_trace() -> None:
    trace = read_trace(steps_of())
    (segment,) = trace.segments
    assert trace.checkpoint == {"name": "somebody's", "digest": ""}
    assert trace.request.words == "say something"
    assert segment.arrays["x_t"].shape == (3, 3, 1)
    assert segment.words.shown(segment.arrays["x_t"][1]) == (" a", " ▒", "")
    assert segment.text == " a dog #11"
    assert np.allclose(segment.arrays["t"], [1 / 3, 2 / 3, 1])
    assert segment.arrays["changed"][..., 0].tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 1]]
    assert "confidence" not in segment.arrays


def test_alternatives_give_confidence_and_entropy() -> None:
    likely = [[[7, 0.25], [8, 0.5]], [[8, 1.0]]]
    (segment,) = read_trace(steps_of(steps=[{"tokens": [7, 8], "likely": likely}])).segments
    assert segment.arrays["likely_ids"][0, 0, 0].tolist() == [8, 7]
    assert segment.arrays["likely_p"][0, 1, 0].tolist() == [1, 0]
    assert segment.arrays["confidence"][0, :, 0].tolist() == [0.25, 1]
    assert segment.arrays["entropy"][0, 0, 0] == pytest.approx(np.log(2), abs=1e-3)
    assert segment.arrays["entropy"][0, 1, 0] == 0


@pytest.mark.parametrize("steps", [[{"tokens": [7, 8], "likely": [[[7, 0.5]], [[8, 0.5]]]}], None])
def test_it_comes_back_from_the_archive(steps: list[object] | None) -> None:
    trace = read_trace(steps_of() if steps is None else steps_of(steps=steps))
    again = read_trace(trace_bytes(trace))
    assert again.segments[0].words == trace.segments[0].words
    for name, array in trace.segments[0].arrays.items():
        assert np.array_equal(again.segments[0].arrays[name], array), name
    assert again.segments[0].arrays.keys() == trace.segments[0].arrays.keys()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"{", "not a whole trace"),
        (b"{}", '"format" is not "next-omni steps"'),
        (b"[" * 10**5, "not a whole trace"),
        (b'{"a":' * 10**5, "not a whole trace"),
        (b'{"format": "next-omni steps", "version": ' + b"9" * 5000 + b"}", "not a whole trace"),
        (steps_of(version=2), "version 1 only"),
        (steps_of(steps=[]), "steps"),
        (steps_of(colour=1), "newer version.*'colour'"),
        (steps_of(steps=[{"tokens": [1], "hue": 3}]), r"newer version.*steps\.0\.hue"),
        (steps_of(steps=[{"tokens": [-1]}]), r"steps\.0\.tokens\.0"),
        (steps_of(steps=[{"tokens": [float("nan")]}]), r"steps\.0\.tokens\.0"),
        (steps_of(steps=[{"tokens": [1], "t": float("inf")}]), r"steps\.0\.t"),
        (steps_of(steps=[{"tokens": [1, 2], "predicted": [1]}]), "step 1 has 2 tokens and 1"),
        (steps_of(steps=[{"tokens": [1], "confidence": [1]}, {"tokens": [1]}]), "in all or none"),
        (steps_of(steps=[{"tokens": [1] * 8193}]), "8192"),
        (steps_of(steps=[{"tokens": [1] * 8000}] * 600), "more than 4194304 together"),
        (b"{" + b" " * MAX_BYTES, "at most 16 MB"),
    ],
)  # fmt: skip
def test_what_is_none_is_one_sentence(content: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says) as told:
        read_trace(content)
    assert "\n" not in str(told.value)


def test_the_lab_shows_it_without_distances_of_another_vocabulary(tiny_engine: Engine) -> None:
    trace = read_trace(steps_of())
    lens = tiny_engine.code_inspector
    bits = surprises(trace, tiny_engine.inspector.bits_per_code, lens.words)
    seen = overview(trace, lens, "id", bits)
    (segment,) = seen["segments"]  # pyright: ignore[reportGeneralTypeIssues]
    assert segment["bits"] is None
    assert set(segment["heat"]) == {"changes", "settled"}
    assert segment["words"]["x_t"][2] == (" a", " dog", " #11")
    (code,) = token(trace, lens, 0, 2, 1)["codes"]  # pyright: ignore[reportGeneralTypeIssues]
    assert (code["path"], code["near"], code["confidence"]) == ([], [], None)
    assert code["pieces"] == [" ▒", " ▒", " dog"]
    with pytest.raises(ValueError, match="of another program"):
        start_of(trace, 0, 1)


class _ScriptedModel:
    """Drafts two canvases as a block diffusion model of transformers does."""

    def generate(self, ids: Tensor, max_new_tokens: int, streamer: Any) -> None:
        streamer.put(ids)
        for canvas in range(max_new_tokens // 4):
            for step in range(3):
                logits = torch.zeros(1, 4, 6)
                logits[..., (canvas + step) % 6] = 4.0
                streamer.put_draft(logits=logits)
            streamer.put(torch.full((1, 4), (canvas + 2) % 6))
        streamer.end()


class _Words:
    def decode(self, ids: list[int]) -> str:
        return f" w{ids[0]}"


def test_the_example_of_the_document_writes_one(tmp_path: Path, monkeypatch: Any) -> None:
    example = re.search(r"```python\n(import json\n.*?)```", TRACE_MD.read_text(), re.DOTALL)
    assert example is not None
    assert len(example[1].splitlines()) <= 24
    monkeypatch.chdir(tmp_path)
    given = {"model": _ScriptedModel(), "tokenizer": _Words(), "prompt": "hello"}
    exec(example[1], given | {"input_ids": torch.zeros(1, 3, dtype=torch.int64)})
    trace: Trace = read_trace(tmp_path / "run.json")
    x_t = trace.segments[0].arrays["x_t"][..., 0]
    assert x_t[0, :4].tolist() == [0] * 4
    assert x_t[-1, :4].tolist() == [2] * 4
    assert (trace.segments[0].arrays["confidence"][0, :4] > 0.9).all()
