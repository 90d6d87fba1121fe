"""The 24 requests, made as the page, the command line and a file make them.

Owns: the requests by their names. Does not own: what is kept of an answer (`tests.golden.digests`).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np

from app.chat import history as chat_history
from app.chat.history import History
from app.chat.save_load import from_text, to_text
from app.forms.parse import read_sampling
from app.forms.share_link import read_lab_link, read_link
from app.lab.form import LabForm, controls_of
from engine.api.conversation import Conversation, Part, Turn
from engine.api.events import Event
from engine.api.insertion import MediaInsertion
from engine.api.request import Inpainting, Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from engine.inspection.branch import Edit, start_of
from engine.inspection.trace import Trace, events_of
from engine.inspection.trace_file import read_trace, trace_bytes
from engine.media.audio import read_sound
from engine.media.images import read_picture
from engine.media.video import read_film
from flow.modality import Modality
from tests.golden.digests import Digests, of_answers, of_events, of_run

ROOT = Path(__file__).resolve().parents[2]
CHECKPOINT = ROOT / "assets/nano"
TEXT, IMAGE, AUDIO, VIDEO = Modality.TEXT, Modality.IMAGE, Modality.AUDIO, Modality.VIDEO
WATCH = 5
IMAGE_LINK = (
    "http://127.0.0.1:7860/?tab=image&prompt=a+red+heart+above+a+dog&seed=11&steps=8&guidance=1"
    "&method=midpoint"
)
LAB_LINK = (
    "http://127.0.0.1:7860/?tab=lab&prompt=three+green+apples&to=image&seed=12&steps=8&guidance=2"
    "&method=euler&temperature=0.4&grid=information&c=2.5&a=0.8"
)


@cache
def picture() -> np.ndarray:
    """A shipped picture."""
    return read_picture(ROOT / "assets/gallery/picture-014.webp")


@cache
def film() -> np.ndarray:
    """A shipped film of eight frames."""
    return read_film(ROOT / "assets/gallery/film-000.webp")


@cache
def question() -> np.ndarray:
    """A spoken question, whose words are not given."""
    return read_sound(Path(__file__).with_name("question.wav"))


def ask(text: str, to: Modality | None, sampling: Sampling, **media: np.ndarray) -> Request:
    """A single message."""
    return Request(Conversation.ask(text, **media), to, sampling)


# ---- pictures --------------------------------------------------------------------------------


def by_image_link() -> Request:
    """A picture, from a link to its tab through the settings of the form."""
    link = read_link(dict(parse_qsl(urlsplit(IMAGE_LINK).query)))
    assert (link.tab, link.bad) == ("image", None)
    values = link.values
    sampling = read_sampling(
        values["steps"], values["guidance"], str(values["method"]), int(str(values["seed"]))
    )
    return ask(str(values["prompt"]), IMAGE, sampling)


def by_lab_link() -> Request:
    """A picture, from a link to the Lab through its controls."""
    query = dict(parse_qsl(urlsplit(LAB_LINK).query))
    kinds = ["image", "text"]
    values, sentence = read_lab_link(query, "", lambda recipe: controls_of(recipe, kinds))
    assert not sentence
    controls: list[Any] = list(values)
    return LabForm(*controls).request()


def repainted() -> Request:
    """The left half of a picture made anew, from half way back to noise."""
    image = picture()
    mask = np.zeros(image.shape[:2], bool)
    mask[:, : image.shape[1] // 2] = True
    asked = ask("a yellow star at night", IMAGE, Sampling(steps=8, seed=24))
    return replace(asked, inpainting=Inpainting(image, mask, 0.8))


def by_coupling() -> Request:
    """A picture with as few changes of its codes as there can be, unlikely codes left out."""
    sampling = Sampling(steps=8, seed=13, transition="coupling", grid="uniform", top_p=0.9)
    return ask("a panda in the sky", IMAGE, sampling)


def by_masked_diffusion() -> Request:
    """A picture by another sampler, with a cache of its features."""
    sampling = Sampling(
        steps=8, seed=14, sampler="masked", remasking="entropy", mask_schedule="linear",
        guidance_scale=1.0, cache_share=0.5, prompt_every=2,
    )  # fmt: skip
    return ask("a rocket at night", IMAGE, sampling)


# ---- conversations -----------------------------------------------------------------------------


def follow_up() -> Request:
    """A second question about the picture of the first."""
    about = Conversation.ask("what is in this picture?", image=picture())
    said = Turn("assistant", (Part(text="a car."),))
    again = Turn("user", (Part(text="what colour is it?"),))
    turns = Conversation((*about.turns, said, again))
    return Request(turns, TEXT, Sampling(steps=8, seed=22))


def continued() -> Request:
    """A conversation that was saved, with a picture and a sound in it, loaded and gone on with."""
    history: History = ()
    for role, parts in (
        ("user", (Part(image=picture()), Part(text="what is this?"))),
        ("assistant", (Part(text="a car."),)),
        ("user", (Part(audio=question(), text="show me a big crown"),)),
        ("assistant", (Part(text="here you go!"), Part(image=picture()[:, ::-1].copy()))),
    ):
        history = chat_history.with_turn(history, role, parts)
    loaded = chat_history.with_message(from_text(to_text(history)), "what is in this picture?")
    sampling = Sampling(seed=31, sampler="autoregressive", temperature=0.5, top_p=0.9)
    return Request(chat_history.conversation(loaded), TEXT, sampling)


# ---- runs of another shape -------------------------------------------------------------------


def recorded(engine: Engine, request: Request) -> tuple[list[Event], Trace]:
    """The events of a watched run, and its trace as its file gives it back."""
    recorder = engine.recorder()
    events = list(engine.generate(request, preview_hz=0, watch=WATCH))
    for event in events:
        recorder.see(event)
    return events, read_trace(trace_bytes(recorder.trace()))


def watched(engine: Engine) -> Digests:
    """A run with its alternatives, beside what its trace tells of it."""
    request = ask("draw a cat and a dog", None, Sampling(steps=8, seed=32))
    live, trace = recorded(engine, request)
    replay = {f"trace {name}": value for name, value in of_events(list(events_of(trace))).items()}
    return of_events(live) | replay


def resumed(engine: Engine) -> Digests:
    """A recorded picture that goes on from its fourth step by another sampler, one position
    changed and kept."""
    _, trace = recorded(engine, ask("two pizzas", IMAGE, Sampling(steps=8, seed=33)))
    start = start_of(trace, 0, 3, [Edit(9, (5, None, None, 6), True)])
    sampling = Sampling(steps=8, seed=34, sampler="masked", threshold=0.9)
    return of_run(engine, replace(trace.request, sampling=sampling, start=start))


def together(engine: Engine) -> Digests:
    """Several requests of several kinds, computed in one batch."""
    few = Sampling(steps=6, seed=35)
    requests = [
        ask("a bee in the sky", IMAGE, few),
        ask("two fish", IMAGE, replace(few, seed=36)),
        ask("what happens in this video?", TEXT, few, video=film()),
        ask("hello!", TEXT, replace(few, seed=37)),
        ask("say hello", AUDIO, few),
        ask("make it blue", IMAGE, few, image=picture()),
    ]
    answers = engine.generate_batch(requests)
    return of_answers([answer for of_one in answers for answer in of_one])


def _request(make: Callable[[], Request]) -> Callable[[Engine], Digests]:
    return lambda engine: of_run(engine, make())


CASES: Mapping[str, Callable[[Engine], Digests]] = {
    "picture by an image link": _request(by_image_link),
    "picture by a lab link": _request(by_lab_link),
    "picture by coupling": _request(by_coupling),
    "picture by masked diffusion, cached": _request(by_masked_diffusion),
    "picture from left to right": _request(
        lambda: ask("a clock", IMAGE, Sampling(seed=15, sampler="autoregressive"))
    ),
    "film": _request(
        lambda: ask("a blue car moving to the left", VIDEO, Sampling(steps=6, seed=16))
    ),
    "film after a picture, guided at times": _request(
        lambda: ask(
            "it moves up", VIDEO,
            Sampling(
                steps=6, seed=17, transition="thinning", guidance_scale=2.0,
                guidance_interval=(0.1, 0.8), guidance_every=2,
            ),
            image=picture(),
        )
    ),
    "sound of a thing": _request(
        lambda: ask("the sound of a dog", AUDIO, Sampling(steps=8, seed=18))
    ),
    "answer spoken aloud": _request(
        lambda: replace(ask("what is a fox?", TEXT, Sampling(steps=8, seed=19)), aloud=True)
    ),
    "words on a steep path, with patience": _request(
        lambda: ask(
            "what can you do?", TEXT,
            Sampling(
                steps=24, seed=13, transition="midpoint", grid="uniform", c=12.0, a=2.0,
                temperature=0.0, patience=1,
            ),
        )
    ),
    "words by masked diffusion": _request(
        lambda: ask(
            "what sound does a bell make?", TEXT,
            Sampling(steps=16, seed=20, sampler="masked", remasking="margin", stop_at_end=True),
        )
    ),
    "chat that opens a picture": _request(
        lambda: ask("draw a penguin", None, Sampling(steps=8, seed=21, transition="euler_beta"))
    ),
    "chat about a picture": _request(
        lambda: ask(
            "what is in this picture?", None, Sampling(steps=8, seed=22), image=picture()
        )
    ),
    "chat with a follow-up": _request(follow_up),
    "sound written down": _request(
        lambda: Request(
            Conversation.write_down(question()), TEXT, Sampling(steps=8, seed=23)
        )
    ),
    "spoken question, answered": _request(
        lambda: ask("", None, Sampling(steps=8, seed=23), audio=question())
    ),
    "change of a picture": _request(
        lambda: ask("make the car purple", IMAGE, Sampling(steps=8, seed=24), image=picture())
    ),
    "part of a picture repainted": _request(repainted),
    "best of three drafts": _request(
        lambda: ask("four bees in the sky", IMAGE, Sampling(steps=6, seed=25, drafts=3))
    ),
    "picture in the middle of words": _request(
        lambda: replace(
            ask("what is a whale?", None, Sampling(steps=8, seed=26)), pin=MediaInsertion(words=2)
        )
    ),
    "saved conversation, continued": _request(continued),
    "watched run and its trace": watched,
    "resumed from a state": resumed,
    "batch": together,
}  # fmt: skip
"""By name: the digests of an answer of an engine."""
