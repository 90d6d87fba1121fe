"""The catalogue of suites: items, default size, requirements, and how each is run.

Owns: `Suite`, `SUITES`, `Run`, the reason why a suite cannot run, a run's result. Does not own: the
figures of a suite (its own file), running all of them (`evaluation.run_all`).
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
from evaluation.recording_engine import RecordingEngine
from evaluation.requirements import NOT_TRAINED, Requirement
from evaluation.result import AUTO, Measurement, Result
from evaluation.speech_client import require_audio
from evaluation.suites import (
    any_to_any,
    asr,
    captions,
    chat,
    cycle_consistency,
    editing,
    first_wish,
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
    """One suite. about: its items. num: their default number. multiple: the number of kinds that
    alternate, so that each is equally frequent. right: the criterion of a right answer. needs:
    abilities that the checkpoint must have. sampled: it generates. clips: it uses held-out
    recordings."""

    about: str
    num: int
    multiple: int = 1
    right: str = ""
    needs: tuple[Requirement, ...] = ()
    sampled: bool = True
    clips: bool = False

    def size(self, *, part: float = 1.0, num: int | None = None) -> int:
        """Return about that part, in (0, 1], of the default size, or at least num; a multiple of
        `multiple` unless it is the default.

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


_SOUND, _FILMS = (Requirement.SOUND,), (Requirement.VIDEO,)
_WORDS = "at most 30% of the words wrong"
_BY_CELL = "the criterion of each cell, see the table of the command"

SUITES: dict[str, Suite] = {
    "scenes": Suite("prompts for images", 240, 6, "the parser finds what the prompt asks for"),
    "first_wish": Suite(
        "commonest nouns as wishes", 300, 1,
        "one such thing is drawn, or the unknown word is named with what is near",
    ),
    "captions": Suite(
        "questions of each kind about images", 240, 12,
        "the objects by name; the number or the colour, word for word",
    ),
    "tokenizer": Suite("images through the tokenizer", 240, sampled=False),
    "chat": Suite(
        "dialogues", 240, 6, "text as expected; where an image was requested, one that shows it",
    ),
    "editing": Suite(
        "edits of images", 140, 7, "the edit is done and all else is as before", _FILMS
    ),
    "thinking": Suite(
        "questions that need counting", 240, 1, "the right answer, word for word",
        (Requirement.THINKING,),
    ),
    "video": Suite(
        "videos generated and described", 120, 10,
        "the motion and the moving objects; of answers, word for word", _FILMS,
    ),
    "asr": Suite("spoken sentences to transcribe", 144, 1, _WORDS, _SOUND, clips=True),
    "tts": Suite(
        "sentences to speak", 36, 1, f"whisper tiny.en hears it, {_WORDS}", _SOUND, clips=True
    ),
    "spoken_qa": Suite(
        "spoken conversations of three turns", 24, 3, "the words of the answer are right", _SOUND,
        clips=True,
    ),
    "sounds": Suite(
        "sounds to name and to generate", 66, 2,
        "named word for word; the judge of sounds names it", _SOUND, clips=True,
    ),
    "omni": Suite(
        "questions about an image and a sound", 120, 1, "the right answer, word for word",
        (*_SOUND, *_FILMS), clips=True,
    ),
    "matrix": Suite(
        "items of every cell, any modality to any", 24, 6, _BY_CELL, clips=True
    ),
    "symmetric": Suite("images, recordings and videos, there and back", 24, 6, clips=True),
    "retrieval": Suite(
        "held-out scenes to search", 500, 10, needs=(Requirement.RETRIEVAL,), sampled=False,
        clips=True,
    ),
}  # fmt: skip
"""The suites by stored name, in the order of `python -m evaluation all`."""


COMMANDS = {"matrix": "any_to_any", "symmetric": "cycle_consistency"}
"""The commands of suites whose stored name is another one; both names are accepted."""


def stored_name(command: str) -> str:
    """Return the name of a suite in results."""
    return next((name for name, new in COMMANDS.items() if new == command), command)


@dataclass(frozen=True)
class Run:
    """One run of a suite; sampling has the same seed. pack: folder of the clips. sheet: file for
    the judged images of `scenes`, if any. weights: their storage format."""

    suite: str
    num: int
    seed: int
    sampling: Sampling
    pack: Path = pack.FOLDER
    sheet: Path | None = None
    weights: str = AUTO


def missing(engine: Engine | RecordingEngine, name: str) -> str | None:
    """Return the reason why a checkpoint cannot run a suite, beginning with `NOT_TRAINED`, or
    None."""
    config = engine.model.config
    has = any_to_any.trained_requirements(engine)
    has |= {Requirement.THINKING} if config.thinks else set()
    has |= {Requirement.RETRIEVAL} if config.has_embedding else set()
    lacks = [need for need in SUITES[name].needs if need not in has]
    return f"{NOT_TRAINED}: {lacks[0]}" if lacks else None


def result(engine: Engine | RecordingEngine, run: Run, checkpoint: str) -> Result:
    """Run a suite. checkpoint: the name stored in the result.

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


def _measured(engine: Engine | RecordingEngine, run: Run) -> Measurement:
    asked = (engine, run.num, run.seed, run.sampling)
    match run.suite:
        case "scenes":
            measured, drawn = scenes.evaluate(*asked)
            if run.sheet is not None:
                scenes.sheet(drawn).save(run.sheet, format="PNG")
            return measured
        case "first_wish":
            return first_wish.evaluate(engine, run.num, run.sampling)
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
            spoken = pack.read_pack(run.pack).spoken if engine.max_audio_s else ()
            whole = engine.engine if isinstance(engine, RecordingEngine) else engine
            return retrieval.evaluate(whole, spoken, run.num, run.seed)
        case "matrix" | "symmetric":
            suite = any_to_any if run.suite == "matrix" else cycle_consistency
            return suite.evaluate(engine, _material(engine, run), run.sampling)
        case _:
            return _measured_aloud(engine, run)


def _material(engine: Engine | RecordingEngine, run: Run) -> Material:
    hears = engine.max_audio_s > 0
    clips = pack.read_pack(run.pack) if hears else None
    listen = _whisper_if_there("what needs a listener") if hears else None
    return Material(run.num, run.seed, clips, listen)


def _measured_aloud(engine: Engine | RecordingEngine, run: Run) -> Measurement:
    require_audio(engine)
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
