"""The options of `python -m engine generate`: what they are, what they say together, and which of
them a run does not use.

Owns: `add_options`, `sampling_of`, `media_of`, `checked`, `unused`. Does not own: the run
(`engine.cli.generate`), the limits of each value (`engine.api.request`).
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from engine.api.request import Request
from engine.api.sampling import GRIDS, MAX_DRAFTS, SAMPLERS, Sampling
from engine.cli.out_file import NAMES, named
from engine.media.audio import read_sound
from engine.media.images import read_picture
from engine.media.video import read_film
from engine.prompt.answer_plan import first_modality
from flow.modality import Modality
from flow.transition import TRANSITIONS

TEXT, AUDIO = Modality.TEXT, Modality.AUDIO
SETTING = {"guidance_from": "guidance_interval", "guidance_until": "guidance_interval"}
"""The setting of a sampler that an option sets, where it has another name."""
OF_A_SAMPLER = (
    "transition", "grid", "c", "a", "patience", "remasking", "mask_schedule", "threshold",
    "stop_at_end", "steps", "cache_share", "prompt_every", "keep_threshold", "guidance_from",
    "guidance_until", "guidance_every",
)  # fmt: skip
"""Options that some samplers have no use for."""
SCHEDULE = ("guidance_from", "guidance_until", "guidance_every")
WATCH = 5
"""Alternatives of each code in a trace."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for input, output and sampling; None and False are unset."""
    parser.add_argument("--prompt", default="", help="what to draw, say or ask")
    parser.add_argument("--image", type=Path, help="a picture that the prompt is about")
    parser.add_argument(
        "--mask",
        type=Path,
        help="a picture, painted where --image may change: bright on dark, in a colour, on a "
        "transparent layer, or erased from it; the prompt says what it shows then",
    )
    parser.add_argument(
        "--strength",
        type=float,
        help="how much that, or all of --image, may change, above 0 to 1",
    )
    parser.add_argument(
        "--audio",
        type=Path,
        help="a sound that the prompt is about; alone it is answered, or written down",
    )
    parser.add_argument("--video", type=Path, help="a film that the prompt is about")
    parser.add_argument("--to", choices=[str(m) for m in Modality], help="kind of answer")
    parser.add_argument(
        "--picture-after",
        type=int,
        metavar="N",
        help="answer in words with a picture behind N of them; 0 is before them",
    )
    parser.add_argument("--think", action="store_true", help="think before answering")
    parser.add_argument("--aloud", action="store_true", help="also speak an answer in words")
    parser.add_argument("--style", help="how it speaks: one of the styles that info names")
    parser.add_argument(
        "--out",
        type=Path,
        help="where a picture (PNG, JPEG, WebP), sound (WAV) or film (MP4, GIF, WebP) is written; "
        "where there are several, the others are NAME-part-2, ..",
    )
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sampler", choices=list(SAMPLERS), help="on one model")
    parser.add_argument("--transition", help=f"of flow matching: {', '.join(TRANSITIONS)}")
    parser.add_argument("--grid", help=f"of times: {', '.join(GRIDS)}")
    for name in ("c", "a"):
        parser.add_argument(f"--{name}", type=float, help="of the path, c (t / (1-t))^a")
    parser.add_argument("--remasking", help="order of masked diffusion")
    parser.add_argument("--mask-schedule", help="cosine or linear")
    parser.add_argument("--threshold", type=float, help="masked diffusion: commit what is surer")
    parser.add_argument(
        "--stop-at-end", action="store_true", help="masked diffusion: nothing behind <eos>"
    )
    parser.add_argument("--patience", type=int, help="end after so many steps without a change")
    parser.add_argument("--guidance", type=float)
    parser.add_argument("--guidance-from", type=float, help="time in 0..1")
    parser.add_argument("--guidance-until", type=float, help="time in 0..1")
    parser.add_argument("--guidance-every", type=int, help="calls between unconditional branches")
    parser.add_argument("--cache-share", type=float, help="adaptive cache: part evaluated anew")
    parser.add_argument("--prompt-every", type=int, help="adaptive cache: calls")
    parser.add_argument(
        "--keep-threshold",
        "--hold",
        type=float,
        help="of a picture that is changed: patches are frozen that the model keeps with at least "
        "this probability, 0.5 if not said; 1 freezes none",
    )
    parser.add_argument(
        "--drafts",
        type=int,
        help=f"of a picture or film, up to {MAX_DRAFTS}: the one is kept that the model finds "
        "nearest to what was asked",
    )
    parser.add_argument("--temperature", type=float)
    parser.add_argument(
        "--trace",
        type=Path,
        help="also record every step, see docs/trace.md; a long sound that is written down has a "
        "trace for each part, NAME-part-2, ..",
    )
    parser.add_argument(
        "--watch", type=int, help=f"alternatives of each code in the trace, {WATCH} if not said"
    )
    parser.add_argument("--top-p", type=float)


def sampling_of(arguments: argparse.Namespace) -> Sampling:
    """Raises: ValueError where a value is out of range, whether or not the run would use it."""
    said = {
        "remasking": arguments.remasking,
        "guidance_every": arguments.guidance_every,
        "prompt_every": arguments.prompt_every,
        "keep_threshold": arguments.keep_threshold,
        "drafts": arguments.drafts,
    }
    low, high = arguments.guidance_from, arguments.guidance_until
    return Sampling(
        steps=arguments.steps,
        sampler=arguments.sampler,
        transition=arguments.transition,
        guidance_scale=arguments.guidance,
        temperature=arguments.temperature,
        top_p=arguments.top_p,
        seed=arguments.seed,
        grid=arguments.grid,
        c=arguments.c,
        a=arguments.a,
        patience=arguments.patience,
        mask_schedule=arguments.mask_schedule,
        threshold=arguments.threshold,
        stop_at_end=arguments.stop_at_end,
        guidance_interval=(0.0 if low is None else low, 1.0 if high is None else high),
        cache_share=arguments.cache_share,
        **{name: value for name, value in said.items() if value is not None},
    )


def media_of(arguments: argparse.Namespace) -> dict[str, np.ndarray]:
    """Read the media beside the prompt, by the parameter names of `Conversation.ask`."""
    given = {
        "image": (arguments.image, read_picture),
        "audio": (arguments.audio, read_sound),
        "video": (arguments.video, read_film),
    }
    return {kind: read(file) for kind, (file, read) in given.items() if file is not None}


def checked(arguments: argparse.Namespace) -> None:
    """Nothing. Raises: ValueError where something is not said, or two options do not go
    together."""
    if not arguments.prompt and arguments.audio is None:
        raise ValueError(_missing_words(arguments))
    if arguments.strength is not None and not 0 < arguments.strength <= 1:
        raise ValueError(f"strength must be above 0 and at most 1, not {arguments.strength:g}")
    to = arguments.to
    for given, name in ((arguments.mask, "a mask"), (arguments.strength, "--strength")):
        if given is not None and (arguments.image is None or to != Modality.IMAGE):
            raise ValueError(f"{name} goes with a picture: add --image FILE and --to image")
    in_words = to in (None, TEXT)
    kinds = [] if in_words else [Modality(to)]
    kinds += [] if arguments.picture_after is None else [Modality.IMAGE]
    kinds += [AUDIO] if in_words and arguments.aloud else []
    if kinds:
        named(arguments.out, kinds)
    elif to is None and arguments.out is not None:
        named(arguments.out, list(NAMES))


def _missing_words(arguments: argparse.Namespace) -> str:
    """Return the error message for a missing prompt."""
    if arguments.mask is not None:
        return "say what the picture shows then: --prompt WORDS"
    for file, what in ((arguments.image, "picture"), (arguments.video, "film")):
        if file is None:
            continue
        if arguments.to in (None, TEXT):
            return f"a {what} needs a question: --prompt WORDS asks about it"
        return f"say what to make of the {what}: --prompt WORDS"
    return "say what you want: --prompt WORDS, or --audio FILE"


def unused(arguments: argparse.Namespace, request: Request, complete: Sampling) -> Iterator[str]:
    """A note for every option that was said and changes nothing. complete: the settings of the
    first piece of the answer."""
    said = {
        name for name, value in vars(arguments).items() if value is not None and value is not False
    }
    sampler = complete.sampler
    for name in OF_A_SAMPLER:
        if name in said and sampler not in samplers_that_read(name):
            known = " or ".join(f"--sampler {kind}" for kind in samplers_that_read(name))
            yield f"{_option(name)} is for {known}: this run, {sampler}, does not use it"
    to, first = request.to, first_modality(request)
    if to in (TEXT, AUDIO) and "guidance" in said:
        yield f"--guidance is for pictures and films: {to} does not use it"
    if to is not None and complete.guidance_scale == 0 and complete.reads("guidance_every"):
        for name in (n for n in SCHEDULE if n in said):
            yield f"{_option(name)} goes with guidance, which is off: it is not used"
    if complete.reads("threshold") and {"threshold", "mask_schedule"} <= said:
        yield "--threshold takes the place of --mask-schedule, which is not used"
    if complete.reads("stop_at_end") and "stop_at_end" in said and first is not TEXT:
        yield f"--stop-at-end is for words: {first} does not use it"
    if "prompt_every" in said and "cache_share" not in said and complete.reads("prompt_every"):
        yield "--prompt-every goes with --cache-share: without it, it is not used"
    seen = any(part.image is not None for t in request.conversation.turns for part in t.parts)
    if "keep_threshold" in said and not (seen and first in (None, Modality.IMAGE)):
        yield "--keep-threshold goes with --image and a picture as the answer: it is not used"
    if "watch" in said and "trace" not in said:
        yield "--watch goes with --trace: without it, it is not used"
    for name in ("think", "aloud"):
        if name in said and first is not TEXT and request.pin is None:
            yield f"{_option(name)} is for an answer in words: {first} does not use it"
    silent = to in (Modality.IMAGE, Modality.VIDEO) or (to is TEXT and not arguments.aloud)
    if "style" in said and silent:
        yield "--style is for what is said: this answer does not use it"
    for name in ("image", "video"):
        if name in said and request.writes_down and not arguments.prompt:
            yield f"{_option(name)} is not looked at while a sound is written down: add --prompt"
    if "out" in said and to is TEXT and not arguments.aloud:
        yield "--out is for pictures, sounds and films: the words are printed, not written to it"


def samplers_that_read(option: str) -> list[str]:
    """Return the samplers that have a use for an option."""
    setting = SETTING.get(option, option)
    return [name for name, spec in SAMPLERS.items() if setting in spec.settings]


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
