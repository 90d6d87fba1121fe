"""Writing down on the command line says what the page says: which part of how many is being
written, and where it may be something else."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine import engine as engine_module
from engine.__main__ import main
from engine.engine import Engine
from engine.events import DOUBTFUL_BITS, Completed
from engine.generate import DOUBT
from engine.request import Conversation, Request, Sampling
from engine.sounds import pieces_of, read_sound, wav_bytes
from flow.modality import Modality

LONG = np.random.default_rng(1).normal(0, 0.06, 30_000).astype(np.float32)
SHORT = LONG[:6000]
PATHS = (("--to", "text"), ())
"""To have a sound written down, and to have it answered."""


@pytest.fixture
def tell(
    tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    def told(samples: np.ndarray, *more: str) -> str:
        (tmp_path / "said.wav").write_bytes(wav_bytes(samples))
        run = ["generate", "--checkpoint", str(tiny_checkpoint), "--device", "cpu"]
        assert main([*run, "--audio", str(tmp_path / "said.wav"), "--steps", "1", *more]) == 0
        return capsys.readouterr().err

    return told


@pytest.mark.parametrize("path", PATHS)
def test_a_long_sound_says_which_part_of_how_many(
    tell: Callable[..., str], tiny_engine: Engine, tmp_path: Path, path: tuple[str, ...]
) -> None:
    said = tell(LONG, *path)
    num = len(pieces_of(read_sound(tmp_path / "said.wav"), tiny_engine.hears_s))
    assert num > 1
    for part in range(1, num + 1):
        assert f"text, part {part} of {num}:" in said
    assert f"part {num + 1}" not in said
    assert "part" not in tell(SHORT, *path)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("samples", [SHORT, LONG], ids=["short", "long"])
def test_doubt_is_told_once_and_only_where_there_is_some(
    tell: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    path: tuple[str, ...],
    samples: np.ndarray,
) -> None:
    for bits, notes in ((DOUBTFUL_BITS, 0), (DOUBTFUL_BITS + 0.1, 1)):
        monkeypatch.setattr(engine_module, "surprise", lambda *_, bits=bits: bits)
        assert tell(samples, *path).count(DOUBT) == notes


def test_doubt_is_the_same_whether_it_is_answered_or_not(tiny_engine: Engine) -> None:
    few = Sampling(steps=2, seed=3)
    found: list[float | None] = []
    for request in (
        Request(Conversation.ask("", audio=SHORT), sampling=few),
        Request(Conversation.write_down(SHORT), Modality.TEXT, few),
        Request(Conversation.ask("what do you hear?", audio=SHORT), Modality.TEXT, few),
    ):
        *_, done = tiny_engine.generate(request)
        assert isinstance(done, Completed)
        found.append(done.answers[0].doubt)
    assert found[0] is not None
    assert found[0] == pytest.approx(found[1])
    assert found[2] is None
