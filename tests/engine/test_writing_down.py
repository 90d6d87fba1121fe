"""Writing down on the command line says what the page says: which part of how many is being
written, and where it may be something else."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.__main__ import main
from engine.api.conversation import Conversation
from engine.api.events import DOUBTFUL_BITS, Answer, Completed
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.cli.generate import DOUBT
from engine.cli.out_file import of_part
from engine.engine import Engine
from engine.generation import segment_builder
from engine.inspection.trace_file import read_trace
from engine.media.audio import pieces_of, read_sound, wav_bytes
from flow.modality import Modality

LONG = np.random.default_rng(1).normal(0, 0.06, 30_000).astype(np.float32)
SHORT = LONG[:6000]
SEED = 8
"""With it the sounds of the parts are not all the same."""
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
    num = len(pieces_of(read_sound(tmp_path / "said.wav"), tiny_engine.max_audio_s))
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
        monkeypatch.setattr(segment_builder, "bits_per_code", lambda *_, bits=bits: bits)
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
        found.append(done.answers[0].transcript_bits)
    assert found[0] is not None
    assert found[0] == pytest.approx(found[1])
    assert found[2] is None


def test_every_part_that_is_read_out_has_a_file_of_its_own(
    tell: Callable[..., str], tiny_engine: Engine, tmp_path: Path
) -> None:
    """The first one is named as it was asked for, and the files are those of the parts alone."""
    out = tmp_path / "said again.wav"
    said = tell(LONG, "--to", "text", "--aloud", "--out", str(out), "--seed", str(SEED))
    files = [out, *(tmp_path / f"said again-part-{n}.wav" for n in (2, 3, 4, 5))]
    pieces = pieces_of(read_sound(tmp_path / "said.wav"), tiny_engine.max_audio_s)
    sounds = [
        answer.audio
        for piece in pieces
        for answer in _spoken(tiny_engine, piece)
        if answer.audio is not None
    ]
    assert 1 < len(sounds) <= len(files)
    assert len({sound.tobytes() for sound in sounds}) > 1
    for file, sound in zip(files, sounds, strict=False):
        samples, _ = soundfile.read(file, dtype="float32")
        assert samples == pytest.approx(sound, abs=1e-4)
    assert sorted(tmp_path.glob("said again*")) == sorted(files[: len(sounds)])
    assert ", ".join(f.name for f in files[: len(sounds)]) in said


def test_one_part_that_is_read_out_is_one_file(tell: Callable[..., str], tmp_path: Path) -> None:
    said = tell(SHORT, "--to", "text", "--aloud", "--out", str(tmp_path / "again.wav"))
    assert len(list(tmp_path.glob("again*"))) == 1
    assert "part" not in said


def _spoken(engine: Engine, piece: np.ndarray) -> tuple[Answer, ...]:
    written = Conversation.write_down(piece)
    *_, done = engine.generate(
        Request(written, Modality.TEXT, Sampling(steps=1, seed=SEED), aloud=True)
    )
    assert isinstance(done, Completed)
    return done.answers


def test_every_part_has_a_trace_of_its_own(
    tell: Callable[..., str], tiny_engine: Engine, tmp_path: Path
) -> None:
    tell(LONG, "--to", "text", "--trace", str(tmp_path / "run.npz"), "--seed", str(SEED))
    pieces = pieces_of(read_sound(tmp_path / "said.wav"), tiny_engine.max_audio_s)
    files = [of_part(tmp_path / "run.npz", n + 1) for n in range(len(pieces))]
    assert sorted(tmp_path.glob("run*")) == sorted(files)
    assert len(files) > 1
    for file, piece in zip(files, pieces, strict=True):
        trace = read_trace(file)
        (sound,) = [p.audio for p in trace.request.conversation.turns[0].parts if p.text is None]
        assert sound == pytest.approx(piece)
        assert [s.modality for s in trace.segments] == [Modality.TEXT]
