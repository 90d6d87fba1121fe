"""`python -m engine generate`: from its options to answers on stdout and in a file.

Progress and notes go to stderr. Owns: `generate`. Does not own: the options
(`engine.cli.generate_options`), the formats of files (`engine.cli.out_file`).
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tqdm import tqdm

from engine.api.conversation import Conversation
from engine.api.events import Answer, CandidateDone, Completed, Refined, SegmentStarted
from engine.api.insertion import MediaInsertion
from engine.api.request import Inpainting, Request
from engine.cli.generate_options import WATCH, checked, media_of, sampling_of, unused
from engine.cli.mask_file import read_mask
from engine.cli.out_file import content, example, fits, of_part
from engine.engine import Engine
from engine.inspection.trace import TraceRecorder
from engine.inspection.trace_file import trace_bytes
from engine.media.audio import SHORTEST_S, pieces_of
from engine.media.marking.marker import UNMARKED, Marker
from engine.prompt.answer_plan import first_modality
from engine.prompt.task_coverage import guesses
from flow.modality import Modality

ALL_PAINTED = (
    "the mask covers all of the picture, so that nothing of it stays: leave a part free, or lower "
    "--strength"
)
DOUBT = (
    "I am not sure that I heard this right: I know English, and few words. Say it again, or type "
    "it with --prompt"
)

UNCHANGED = "almost nothing changed: name what should be different, or take another --seed"


def generate(
    arguments: argparse.Namespace, load: Callable[[], Engine], marker: Marker = UNMARKED
) -> int:
    """Answer by the arguments. marker: of the files. Raises: ValueError with one
    sentence where they cannot be met."""
    checked(arguments)
    sampling = sampling_of(arguments)
    to = None if arguments.to is None else Modality(arguments.to)
    pin = None if arguments.picture_after is None else MediaInsertion(words=arguments.picture_after)
    media = media_of(arguments)
    inpainting = _inpainting(arguments, media)
    engine = load()
    marker = marker.of_checkpoint(engine.digest)
    requests = [
        Request(
            conversation,
            to,
            sampling,
            aloud=arguments.aloud,
            inpainting=inpainting,
            think=arguments.think,
            pin=pin,
            style=arguments.style,
        )
        for conversation in _conversations(arguments, media, engine)
    ]
    _noted(arguments, requests[0], engine)
    watch = 0
    if arguments.trace is not None:
        watch = WATCH if arguments.watch is None else arguments.watch
    made: list[Answer] = []
    files: list[Path] = []
    for part, request in enumerate(requests, 1):
        recorder, of = engine.recorder(), (part, len(requests))
        done = _completed(engine, request, recorder, watch, of)
        for answer in done.answers:
            _deliver(answer, arguments, files, done.request.sampling.seed, marker)
            made.append(answer)
        if arguments.trace is not None:
            file = of_part(arguments.trace, part)
            file.write_bytes(trace_bytes(recorder.trace()))
            print(file)
    if len(files) > 1:
        names = ", ".join(file.name for file in files)
        _note(f"the answer has {len(files)} parts, each in a file of its own: {names}")
    if any(answer.doubtful for answer in made):
        _note(DOUBT)
    if any(answer.unchanged for answer in made):
        _note(UNCHANGED)
    if arguments.out is not None and to is None and all(a.text is not None for a in made):
        _note(f"the answer is words: nothing was written to {arguments.out}")
    return 0


def _noted(arguments: argparse.Namespace, request: Request, engine: Engine) -> None:
    """Print notes on unused options, and a warning for an untrained task."""
    complete = engine.planner.complete(request.sampling, first_modality(request))
    for sentence in unused(arguments, request, complete):
        _note(sentence)
    guess = guesses(request, engine.facts)
    if guess is not None:
        print(f"warning: {guess}", file=sys.stderr)


def _note(sentence: str) -> None:
    print(f"note: {sentence}", file=sys.stderr)


def _inpainting(arguments: argparse.Namespace, media: dict[str, np.ndarray]) -> Inpainting | None:
    """Return the inpainting of the picture, which then is not part of the conversation: of the
    masked area, or of all of it at a reduced strength. Otherwise the words are an instruction."""
    strength = 1.0 if arguments.strength is None else arguments.strength
    if arguments.mask is None and strength == 1.0:
        return None
    image = media.pop("image")
    mask = np.ones(image.shape[:2], bool)
    if arguments.mask is not None:
        mask = read_mask(arguments.mask, image.shape)
        if mask.all() and strength == 1.0:
            _note(ALL_PAINTED)
    return Inpainting(image, mask, strength)


def _conversations(
    arguments: argparse.Namespace, media: dict[str, np.ndarray], engine: Engine
) -> list[Conversation]:
    """One; or, where a long sound is written down, one for each piece of it."""
    sound = media.get("audio")
    if sound is None or arguments.prompt or arguments.to != Modality.TEXT:
        return [Conversation.ask(arguments.prompt, **media)]
    return [Conversation.write_down(p) for p in pieces_of(sound, engine.max_audio_s or SHORTEST_S)]


def _completed(
    engine: Engine, request: Request, recorder: TraceRecorder, watch: int, of: tuple[int, int]
) -> Completed:
    """The whole answer, with a progress bar on stderr. of: which request of how many it is."""
    bar: tqdm | None = None
    for event in engine.generate(request, preview_hz=0, watch=watch):
        recorder.see(event)
        match event:
            case SegmentStarted():
                part, parts = (event.segment + 1, event.heard) if event.heard else of
                which = f", part {part} of {parts}" if parts > 1 else ""
                name = f"{event.modality}{which}"
                bar = tqdm(total=event.num_steps, desc=name, file=sys.stderr)
            case Refined():
                assert bar is not None, "a segment begins with Started"
                bar.update()
                if event.last:
                    bar.close()
            case CandidateDone():
                draft = f"draft {event.number + 1} of {event.num}, seed {event.seed}"
                _note(f"{draft}: {event.score:.3f} near what was asked")
            case Completed():
                return event
            case _:
                pass
    raise AssertionError("a generation ends with Completed")


def _deliver(
    answer: Answer, arguments: argparse.Namespace, files: list[Path], seed: int, marker: Marker
) -> None:
    """Words are printed, everything else is written; files: those of the answers before it. seed:
    that it was made with, of several drafts the best one's."""
    if answer.text is not None:
        if answer.thought:
            print(f"thought: {answer.thought}")
        if answer.text:
            print(f"heard: {answer.text}" if answer.heard else answer.text)
    elif arguments.out is None or not fits(arguments.out, answer.modality):
        name = example(answer.modality)
        print(f"the model made {answer.modality}: give --out {name} to keep it", file=sys.stderr)
    else:
        file = of_part(arguments.out, len(files) + 1)
        file.write_bytes(content(answer, file, arguments.prompt, seed, marker))
        files.append(file)
        print(file)
