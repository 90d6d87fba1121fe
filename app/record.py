"""Record a run for the page: python -m app.record --to image|video|auto --prompt .. --out FILE

The file is {"name": .., "version": 1, "messages": [..]}: the messages of the live channel as JSON,
media as data URIs, so the page plays it with the very code that shows a live run. Every step has
its state and its prediction, and of a picture labels of what the model sees where.
"""

import argparse
import json
import math
import sys
from functools import partial
from pathlib import Path

from app.engine_protocol import Engine as PageEngine
from app.forms.example_prompts import QUESTIONS
from app.page import FIRST_CHAT, FIRST_FILM, FIRST_RUN
from app.stream.patch_labels import StepLabels
from app.stream.run_bus import StepBus
from app.stream.run_driver import Generate, RunDriver
from app.tabs import image, video
from app.tabs.tab_spec import Recipe
from engine.api.conversation import Conversation
from engine.api.request import Modality, Request
from engine.api.sampling import Sampling
from engine.engine import Engine

VERSION = 1
FIRST = {
    "image": (image.SPEC.first, FIRST_RUN),
    "video": (video.SPEC.first, FIRST_FILM),
    "auto": (Recipe(QUESTIONS[0]), FIRST_CHAT),
}
"""The recordings of each kind that a checkpoint ships, and their folder."""


def record(
    generate: Generate, request: Request, labelled_by: PageEngine | None = None
) -> dict[str, object]:
    """The whole run as the page would have received it. labelled_by: the engine that says what it
    sees where at each step; None for no labels. Raises: ValueError if it has no answer."""
    bus = StepBus()
    run = bus.open("recorder")
    run.labelled = labelled_by is not None
    label = None if labelled_by is None else StepLabels(labelled_by, run).labels
    for _ in RunDriver(generate, request, run, bus, label=label):
        pass
    if run.failure is not None:
        raise ValueError(run.failure)
    numbered = sorted([*run.steps(), *run.pending(0, 0)[0]], key=lambda item: item[0])
    messages = {n: message.to_json(n) for n, message in numbered}
    return {
        "version": VERSION,
        "messages": [m for m in messages.values() if m["kind"] != "waiting"],
    }


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m app.record", description=__doc__)
    parser.add_argument("--checkpoint", default="assets/nano")
    parser.add_argument("--prompt", help="the first one of the tab where it is left out")
    parser.add_argument("--to", choices=tuple(FIRST), default="image")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, help="as in the tab where it is left out")
    parser.add_argument("--guidance", type=float, help="the checkpoint's where it is left out")
    parser.add_argument("--method", default="midpoint")
    parser.add_argument("--out", type=Path, help="where the page looks for it, if left out")
    arguments = parser.parse_args(argv)
    first, file = FIRST[arguments.to]
    out: Path = arguments.out or file
    steps, prompt = arguments.steps or first.steps, arguments.prompt or first.prompt
    try:
        sampling = Sampling(steps=steps, guidance_scale=arguments.guidance, seed=arguments.seed).by(
            arguments.method
        )
        to = None if arguments.to == "auto" else Modality(arguments.to)
        request = Request(Conversation.ask(prompt), to, sampling)
        engine = Engine.load(arguments.checkpoint)
        generate = partial(engine.generate, preview_hz=math.inf)
        trace = {"name": out.stem, **record(generate, request, labelled_by=engine)}
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(trace) + "\n")
    print(f"{out}: {out.stat().st_size // 1000} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
