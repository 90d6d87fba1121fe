"""Command line: python -m engine info | generate | embed | watch. Progress goes to stderr, the
result to stdout or --out."""

import argparse
import json
import os
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

from engine.engine import Engine
from engine.events import Answer, Completed, Refined
from engine.films import FRAME_MS, FRAMES_A_SECOND, read_film
from engine.loading import LoadingBar, folder_of
from engine.media import fitted_to, gif_bytes, mp4_bytes, png_bytes, read_picture
from engine.pin import Pin
from engine.request import GRIDS, Conversation, Repaint, Request, SamplerKind, Sampling
from engine.sounds import SHORTEST_S, pieces_of, read_sound, wav_bytes
from engine.trace import TraceRecorder
from engine.trace_file import trace_bytes
from engine.trouble import DeviceError
from engine.watching import ENDS, keep, watch
from flow.modality import Modality
from flow.transition import TRANSITIONS
from model.convert.once import on_disk
from model.folder_info import folder_info

ANSWERS = tuple(Modality)
HALF = 127
"""A mask is bright above this."""


def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    commands = {"info": _info, "generate": _generate, "embed": _embed, "watch": _watch}
    try:
        return commands[arguments.command](arguments)
    except (ValueError, DeviceError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        return 0
    except OSError as error:
        print(f"error: cannot write {error.filename}: {error.strerror}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engine", description=__doc__)
    default = os.environ.get("NEXT_OMNI_CHECKPOINT", "assets/nano")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--checkpoint",
        type=Path,
        default=Path(default),
        help="folder of the weights, or their name on the Hugging Face Hub",
    )
    common.add_argument(
        "--device", default="auto", help="auto, cpu, cuda, or several GPUs: cuda:0,cuda:1"
    )
    common.add_argument(
        "--weights", default="auto", help="auto (as they are computed) or int8 (half the memory)"
    )
    common.add_argument(
        "--speech-codec",
        default=os.environ.get("NEXT_OMNI_SPEECH_CODEC") or None,
        metavar="COMMAND",
        help="of the program that a Dynin-Omni hears and speaks with, see docs/checkpoints.md",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    info = commands.add_parser("info", parents=[common], help="what the checkpoint is, as JSON")
    info.add_argument(
        "--model",
        type=Path,
        help="any checkpoint by its folder, or by a name in the Hub's cache: nothing is loaded",
    )
    generate = commands.add_parser("generate", parents=[common], help="answer a prompt")
    generate.add_argument(
        "--prompt",
        default="",
        help="what to draw, say or ask",
    )
    generate.add_argument("--image", type=Path, help="a picture that the prompt is about")
    generate.add_argument(
        "--mask",
        type=Path,
        help="a picture, bright where --image may change; the prompt says what it shows then",
    )
    generate.add_argument(
        "--strength", type=float, default=1.0, help="how much that may change, above 0 to 1"
    )
    generate.add_argument(
        "--audio",
        type=Path,
        help="a sound that the prompt is about; alone it is answered, or written down",
    )
    generate.add_argument("--video", type=Path, help="a film that the prompt is about")
    generate.add_argument("--to", choices=[str(m) for m in ANSWERS], help="kind of answer")
    generate.add_argument(
        "--picture-after",
        type=int,
        metavar="N",
        help="answer in words with a picture behind N of them; 0 is before them",
    )
    generate.add_argument("--think", action="store_true", help="think before answering")
    generate.add_argument("--aloud", action="store_true", help="also speak an answer in words")
    generate.add_argument("--style", help="how it speaks: one of the styles that info names")
    generate.add_argument(
        "--out",
        type=Path,
        help="where a picture (PNG), sound (WAV) or film (MP4 or GIF) is written",
    )
    generate.add_argument("--steps", type=int)
    generate.add_argument("--seed", type=int, default=0)
    generate.add_argument("--sampler", choices=[str(k) for k in SamplerKind], help="on one model")
    generate.add_argument("--transition", help=f"of flow matching: {', '.join(TRANSITIONS)}")
    generate.add_argument("--grid", help=f"of times: {', '.join(GRIDS)}")
    for name in ("c", "a"):
        generate.add_argument(f"--{name}", type=float, help="of the path, c (t / (1-t))^a")
    generate.add_argument("--remasking", default="low_confidence", help="order of masked diffusion")
    generate.add_argument("--mask-schedule", help="cosine or linear")
    generate.add_argument("--threshold", type=float, help="masked diffusion: commit what is surer")
    generate.add_argument(
        "--stop-at-end", action="store_true", help="masked diffusion: nothing behind <eos>"
    )
    generate.add_argument("--patience", type=int, help="end after so many steps without a change")
    generate.add_argument("--guidance", type=float)
    generate.add_argument("--guidance-from", type=float, default=0.0, help="time in 0..1")
    generate.add_argument("--guidance-until", type=float, default=1.0, help="time in 0..1")
    generate.add_argument(
        "--guidance-every", type=int, default=1, help="calls between unconditional branches"
    )
    generate.add_argument("--cache-share", type=float, help="adaptive cache: part evaluated anew")
    generate.add_argument("--prompt-every", type=int, default=0, help="adaptive cache: calls")
    generate.add_argument("--temperature", type=float)
    generate.add_argument("--trace", type=Path, help="also record every step, see docs/trace.md")
    generate.add_argument(
        "--watch", type=int, default=5, help="alternatives of each code in the trace"
    )
    generate.add_argument("--top-p", type=float)
    found = commands.add_parser("embed", parents=[common], help="a vector to find by, as JSON")
    found.add_argument("--text", default="", help="words; with a file what is different")
    for kind in ("image", "audio", "video"):
        found.add_argument(f"--{kind}", type=Path)
    watched = commands.add_parser("watch", help="follow a run of a page, see docs/live.md")
    watched.add_argument("url", help="ws://HOST/live/ID")
    watched.add_argument("--out", type=Path, help="folder for the pictures of the answer")
    return parser


def _watch(arguments: argparse.Namespace) -> int:
    for told in watch(arguments.url):
        print(told.line, flush=True)
        if told.header["kind"] in ENDS and arguments.out is not None:
            for file in keep(told, arguments.out):
                print(file)
    return 0


def _info(arguments: argparse.Namespace) -> int:
    if arguments.model is not None:
        speech = arguments.speech_codec is not None
        told = folder_info(on_disk(arguments.model, None), speech=speech)
        print(json.dumps(told, indent=1))
        return 0
    print(json.dumps(_loaded(arguments).info(), indent=1))
    return 0


def _loaded(arguments: argparse.Namespace) -> Engine:
    return Engine.load(
        folder_of(arguments.checkpoint, os.environ),
        arguments.device,
        weights=arguments.weights,
        progress=LoadingBar(),
        speech=arguments.speech_codec,
    )


def _generate(arguments: argparse.Namespace) -> int:
    if not arguments.prompt and arguments.audio is None:
        raise ValueError("say what you want: --prompt WORDS, or --audio FILE")
    sampling = Sampling(
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
        remasking=arguments.remasking,
        mask_schedule=arguments.mask_schedule,
        threshold=arguments.threshold,
        stop_at_end=arguments.stop_at_end,
        guidance_interval=(arguments.guidance_from, arguments.guidance_until),
        guidance_every=arguments.guidance_every,
        cache_share=arguments.cache_share,
        prompt_every=arguments.prompt_every,
    )
    to = None if arguments.to is None else Modality(arguments.to)
    if to is Modality.IMAGE and arguments.out is None:
        raise ValueError("say where the picture goes: --out picture.png")
    if (to is Modality.AUDIO or arguments.aloud) and arguments.out is None:
        raise ValueError("say where the sound goes: --out sound.wav")
    if to is Modality.VIDEO and arguments.out is None:
        raise ValueError("say where the film goes: --out film.mp4, or film.gif")
    pin = None if arguments.picture_after is None else Pin(words=arguments.picture_after)
    if pin is not None and arguments.out is None:
        raise ValueError("say where the picture goes: --out picture.png")
    media = _media(arguments)
    engine = _loaded(arguments)
    recorder = engine.recorder()
    watch = 0 if arguments.trace is None else arguments.watch
    repaint = _repaint(arguments, media)
    for conversation in _conversations(arguments, media, engine):
        request = Request(
            conversation,
            to,
            sampling,
            aloud=arguments.aloud,
            repaint=repaint,
            think=arguments.think,
            pin=pin,
            style=arguments.style,
        )
        for answer in _answers(engine, request, recorder, watch):
            _deliver(answer, arguments)
    if arguments.trace is not None:
        arguments.trace.write_bytes(trace_bytes(recorder.trace()))
        print(arguments.trace)
    return 0


def _embed(arguments: argparse.Namespace) -> int:
    media = _media(arguments)
    if not media and not arguments.text.strip():
        raise ValueError("say what to embed: --text WORDS, --image, --audio or --video FILE")
    parts = Conversation.ask(arguments.text, **media).turns[0].parts
    engine = _loaded(arguments)
    (vector,) = engine.embed([parts]).tolist()
    of = [str(p.modality) for p in parts]
    print(
        json.dumps({"of": of, "digest": engine.digest, "embedding": [round(x, 6) for x in vector]})
    )
    return 0


def _media(arguments: argparse.Namespace) -> dict[str, np.ndarray]:
    """What was given beside the words, by the names of `Conversation.ask`."""
    given = {
        "image": (arguments.image, read_picture),
        "audio": (arguments.audio, read_sound),
        "video": (arguments.video, read_film),
    }
    return {kind: read(file) for kind, (file, read) in given.items() if file is not None}


def _repaint(arguments: argparse.Namespace, media: dict[str, np.ndarray]) -> Repaint | None:
    """What is to be made anew of the picture, which then is no part of the conversation."""
    if arguments.mask is None:
        return None
    if "image" not in media or arguments.to != Modality.IMAGE:
        raise ValueError("a mask goes with a picture: add --image FILE and --to image")
    image = media.pop("image")
    mask = fitted_to(read_picture(arguments.mask), image.shape).mean(2) > HALF
    return Repaint(image, mask, arguments.strength)


def _conversations(
    arguments: argparse.Namespace, media: dict[str, np.ndarray], engine: Engine
) -> list[Conversation]:
    """One; or, where a long sound is written down, one for each piece of it."""
    sound = media.get("audio")
    if sound is None or arguments.prompt or arguments.to != Modality.TEXT:
        return [Conversation.ask(arguments.prompt, **media)]
    return [Conversation.write_down(p) for p in pieces_of(sound, engine.hears_s or SHORTEST_S)]


def _answers(
    engine: Engine, request: Request, recorder: TraceRecorder, watch: int
) -> tuple[Answer, ...]:
    """The answers, with a progress bar on stderr."""
    bar: tqdm | None = None
    for event in engine.generate(request, preview_hz=0, watch=watch):
        recorder.see(event)
        match event:
            case Refined():
                if bar is None or event.index == 0:
                    bar = tqdm(total=event.num_steps, desc=str(event.modality), file=sys.stderr)
                bar.update()
                if event.last:
                    bar.close()
            case Completed():
                return event.answers
            case _:
                pass
    raise AssertionError("a generation ends with Completed")


def _deliver(answer: Answer, arguments: argparse.Namespace) -> None:
    if answer.text is not None:
        if answer.thought:
            print(f"thought: {answer.thought}")
        if answer.text:
            print(f"heard: {answer.text}" if answer.heard else answer.text)
    elif arguments.out is None:
        made = {Modality.AUDIO: "sound.wav", Modality.VIDEO: "film.mp4"}
        file = made.get(answer.modality, "picture.png")
        print(f"the model made {answer.modality}: give --out {file} to keep it", file=sys.stderr)
    else:
        arguments.out.write_bytes(_content(answer, arguments))
        print(arguments.out)


def _content(answer: Answer, arguments: argparse.Namespace) -> bytes:
    """The file of a picture, a sound or a film."""
    notes = {"prompt": arguments.prompt, "seed": str(arguments.seed)}
    note = json.dumps({**notes, "seed": arguments.seed})
    if answer.audio is not None:
        return wav_bytes(answer.audio, note)
    if answer.video is not None:
        if arguments.out.suffix.lower() == ".gif":
            return gif_bytes(answer.video, [FRAME_MS] * len(answer.video), note)
        return mp4_bytes(answer.video, FRAMES_A_SECOND, note)
    assert answer.image is not None
    return png_bytes(answer.image, notes)


if __name__ == "__main__":
    sys.exit(main())
