"""Every suite under its name: what it consists of, how large it is, what it needs, and how it is
run.

Owns: `Suite`, `SUITES`, `Run`, why a suite cannot be run, and a run's result. Does not own: what a
suite measures (its own file), running all of them (`evaluation.run_all`).
"""

import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from engine.api.sampling import Sampling
from engine.engine import Engine
from evaluation import pack
from evaluation.judges import speech_judges
from evaluation.report.recording_engine import RecordingEngine
from evaluation.report.result import AUTO, Measured, Result
from evaluation.requirements import NOT_TRAINED, Needs
from evaluation.speech_client import need_sound
from evaluation.suites import (
    any_to_any,
    asr,
    captions,
    chat,
    cycle_consistency,
    editing,
    omni,
    retrieval,
    scenes,
    sounds,
    spoken_qa,
    thinking,
    tokenizer,
    tts,
    video,
)
from evaluation.suites.cell_item import Material


@dataclass(frozen=True)
class Suite:
    """One suite. about: what it consists of. num: how many by default. multiple: of kinds that come
    in turn, so that each is as frequent as the others. right: when an answer is right. needs: what
    the checkpoint must have learned. sampled: whether it makes anything. clips: whether it takes
    held-out recordings."""

    about: str
    num: int
    multiple: int = 1
    right: str = ""
    needs: tuple[Needs, ...] = ()
    sampled: bool = True
    clips: bool = False

    def size(self, *, part: float = 1.0, num: int | None = None) -> int:
        """About that part of the default size, in (0, 1], or at least num; a multiple of `multiple`
        unless it is the default.

        Raises ValueError where part or num is out of range.
        """
        if num is not None:
            if num < 1:
                raise ValueError(f"--num must be at least 1, not {num}")
            return -(-num // self.multiple) * self.multiple
        if not 0 < part <= 1:
            raise ValueError(f"--share must be above 0 and at most 1, not {part:g}")
        return (
            self.num
            if part == 1
            else max(round(self.num * part / self.multiple), 1) * (self.multiple)
        )


_SOUND, _FILMS = (Needs.SOUND,), (Needs.FILMS,)
_WORDS = "at most 30% of the words wrong"
_BY_CELL = "what each cell asks for, see the table of the command line"

SUITES: dict[str, Suite] = {
    "scenes": Suite("wishes for pictures", 240, 6, "the parser finds what was wished for"),
    "captions": Suite(
        "questions of each kind about pictures", 240, 12,
        "the things by name; the number or the colour, word for word",
    ),
    "tokenizer": Suite("pictures through the tokenizer", 240, sampled=False),
    "chat": Suite(
        "dialogues", 240, 6, "words as expected, a picture where one was wished for that shows it",
    ),
    "editing": Suite(
        "changes of pictures", 140, 7, "the change is there and all else is as before", _FILMS
    ),
    "thinking": Suite(
        "questions that need counting", 240, 1, "the right answer, word for word",
        (Needs.THINKING,),
    ),
    "video": Suite(
        "films made and watched", 120, 10,
        "the motion and what moves; of answers, word for word", _FILMS,
    ),
    "asr": Suite("spoken sentences to write down", 144, 1, _WORDS, _SOUND, clips=True),
    "tts": Suite(
        "sentences to say aloud", 36, 1, f"whisper tiny.en hears it, {_WORDS}", _SOUND, clips=True
    ),
    "spoken_qa": Suite(
        "spoken conversations of three turns", 24, 3, "the words of the answer are right", _SOUND,
        clips=True,
    ),
    "sounds": Suite(
        "sounds to name and to make", 66, 2,
        "named word for word; the judge of sounds takes it for the thing", _SOUND, clips=True,
    ),
    "omni": Suite(
        "questions about a picture and a sound", 120, 1, "the right answer, word for word",
        (*_SOUND, *_FILMS), clips=True,
    ),
    "matrix": Suite(
        "items of every cell, from any modality to any", 24, 6, _BY_CELL, clips=True
    ),
    "symmetric": Suite("pictures, recordings and films, there and back", 24, 6, clips=True),
    "retrieval": Suite(
        "held-out scenes to search among", 500, 10, needs=(Needs.FINDING,), sampled=False,
        clips=True,
    ),
}  # fmt: skip
"""All suites, in the order in which they are run one after the other."""


@dataclass(frozen=True)
class Run:
    """One run of a suite; sampling has the same seed. pack: folder of the clips. sheet: where the
    judged pictures of `scenes` are written, if anywhere. weights: how the engine keeps them."""

    suite: str
    num: int
    seed: int
    sampling: Sampling
    pack: Path = pack.FOLDER
    sheet: Path | None = None
    weights: str = AUTO


def missing(engine: Engine | RecordingEngine, name: str) -> str | None:
    """Why the checkpoint cannot do a suite, beginning with `NOT_TRAINED`; None where it can."""
    config = engine.model.config
    has = any_to_any.learned(engine)
    has |= {Needs.THINKING} if config.thinks else set()
    has |= {Needs.FINDING} if config.has_embedding else set()
    lacks = [need for need in SUITES[name].needs if need not in has]
    return f"{NOT_TRAINED}: {lacks[0]}" if lacks else None


def result(engine: Engine | RecordingEngine, run: Run, checkpoint: str) -> Result:
    """What the run measured. checkpoint: the name that is written down.

    Raises: ValueError where the size does not fit, or the checkpoint, the clips or a judge lack
    what is needed.
    """
    date, started_s = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
    found = _measured(engine, run)
    return Result(
        name=run.suite,
        date=date,
        checkpoint=checkpoint,
        device=str(engine.device),
        seed=run.seed,
        num=run.num,
        seconds=time.monotonic() - started_s,
        metrics=found.metrics,
        judge=found.judge,
        left_out=found.left_out,
        weights=run.weights,
    )


def _measured(engine: Engine | RecordingEngine, run: Run) -> Measured:
    asked = (engine, run.num, run.seed, run.sampling)
    match run.suite:
        case "scenes":
            measured, drawn = scenes.evaluate(*asked)
            if run.sheet is not None:
                scenes.sheet(drawn).save(run.sheet, format="PNG")
            return measured
        case "captions":
            return captions.evaluate(*asked)
        case "chat":
            return chat.evaluate(*asked)
        case "thinking":
            return thinking.evaluate(*asked)
        case "editing":
            return editing.evaluate(*asked)
        case "video":
            return video.evaluate(*asked)
        case "tokenizer":
            return tokenizer.evaluate(engine, run.num, run.seed)
        case "retrieval":
            spoken = pack.read_pack(run.pack).spoken if engine.hears_s else ()
            whole = engine.engine if isinstance(engine, RecordingEngine) else engine
            return retrieval.evaluate(whole, spoken, run.num, run.seed)
        case "matrix" | "symmetric":
            suite = any_to_any if run.suite == "matrix" else cycle_consistency
            return suite.evaluate(engine, _material(engine, run), run.sampling)
        case _:
            return _measured_aloud(engine, run)


def _material(engine: Engine | RecordingEngine, run: Run) -> Material:
    hears = engine.hears_s > 0
    clips = pack.read_pack(run.pack) if hears else None
    listen = _whisper_if_there("what needs a listener") if hears else None
    return Material(run.num, run.seed, clips, listen)


def _measured_aloud(engine: Engine | RecordingEngine, run: Run) -> Measured:
    need_sound(engine)
    clips = pack.read_pack(run.pack)
    asked = (engine, clips, run.num, run.seed, run.sampling)
    match run.suite:
        case "asr":
            return asr.evaluate(*asked, _whisper_if_there("wer_floor"))
        case "tts":
            speech_judges.installed("pystoi")
            judges = tts.Judges(
                speech_judges.whisper(), speech_judges.pocketsphinx(), speech_judges.dnsmos()
            )
            return tts.evaluate(*asked, judges)
        case "omni":
            return omni.evaluate(*asked)
        case "spoken_qa":
            return spoken_qa.evaluate(*asked, speech_judges.whisper())
        case _:
            return sounds.evaluate(*asked)


def _whisper_if_there(without: str) -> speech_judges.Listen | None:
    try:
        return speech_judges.whisper()
    except speech_judges.NotInstalledError as error:
        print(f"note: {without} is left out, {error}", file=sys.stderr)
        return None
