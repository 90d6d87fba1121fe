"""Held-out scenes drawn from prompts, judged by GenEval's rules in its six families."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from engine.api.conversation import Conversation
from engine.api.request import Request
from engine.api.sampling import Sampling
from evaluation.answers import AnswerEngine, generate_answers, image_of, record_verdicts
from evaluation.judges.facts import text_facts
from evaluation.judges.image_judge import judge_metrics, satisfies
from evaluation.judges.image_parser import parse
from evaluation.result import Measurement, share_metrics, wilson
from evaluation.suites.tokenizer import round_trip
from flow.modality import Modality
from world.image.scenes import GENEVAL, Family, Scene, sample_scene
from world.text.captions import caption

MANY_FACTS = 4
"""The fewest facts of a prompt with many facts: objects, numbers above one, colours, sizes, a
relation, the background."""
SHEET_COLUMNS, FRAME_PX, LABEL_PX = 12, 4, 34
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
PASS_RGB, FAIL_RGB = (46, 160, 67), (207, 34, 46)


@dataclass(frozen=True)
class TestCase:
    """A held-out scene and the words that ask for it."""

    scene: Scene
    prompt: str


@dataclass(frozen=True)
class JudgedImage:
    """A test case, the generated image (uint8 "128 128 3"), and its verdict."""

    case: TestCase
    picture: np.ndarray
    right: bool


def plan(num: int, seed: int, families: Sequence[Family] = GENEVAL) -> list[TestCase]:
    """Sample num test cases, the families in turn; half of them mention the background. More cases
    of a seed begin with the same ones.

    Raises ValueError where num is not a positive multiple of the number of families.

    """
    if num < 1 or num % len(families):
        raise ValueError(f"--num must be a multiple of {len(families)} for scenes, not {num}")
    rng = np.random.default_rng(seed)
    cases: list[TestCase] = []
    for i in range(num):
        scene = sample_scene(rng, test=True, family=families[i % len(families)])
        cases.append(TestCase(scene, caption(scene, rng, background=0.5)))
    return cases


def draw(engine: AnswerEngine, cases: list[TestCase], sampling: Sampling) -> list[JudgedImage]:
    """Generate and judge one image a case; case i has seed sampling.seed + i."""
    requests = [
        Request(
            Conversation.ask(w.prompt), Modality.IMAGE, replace(sampling, seed=sampling.seed + i)
        )
        for i, w in enumerate(cases)
    ]
    drawn: list[JudgedImage] = []
    for case, answers in zip(cases, generate_answers(engine, requests, "draw"), strict=True):
        picture = image_of(answers)
        assert picture is not None, "a request for a picture is answered with one"
        drawn.append(JudgedImage(case, picture, satisfies(parse(picture), case.scene)))
    record_verdicts(engine, "draw", (d.right for d in drawn))
    return drawn


def evaluate(
    engine: AnswerEngine, num: int, seed: int, sampling: Sampling
) -> tuple[Measurement, list[JudgedImage]]:
    """Return the six columns of GenEval and their mean `overall`, all in [0, 1], with their 95
    percent Wilson intervals NAME_low, NAME_high; many_facts, of the wishes that state `MANY_FACTS`;
    the judge's own figures; and the pictures."""
    cases = plan(num, seed)
    drawn = draw(engine, cases, replace(sampling, seed=seed))
    figures = judge_metrics([w.scene for w in cases], partial(round_trip, engine), seed)
    many = [d.right for d in drawn if num_facts(d.case.prompt) >= MANY_FACTS]
    found = geneval_metrics(drawn) | (share_metrics("many_facts", many) if many else {})
    return Measurement(found, figures), drawn


def num_facts(words: str) -> int:
    """Count the facts that a prompt states, see `MANY_FACTS`."""
    facts = text_facts(words)
    return sum(f[0] != "things" and (f[0], f[-1]) != ("number", "1") for f in facts)


def geneval_metrics(drawn: list[JudgedImage]) -> dict[str, float]:
    """Return the metrics of judged images with equally many of each family."""
    by_family: dict[str, float] = {}
    for f in GENEVAL:
        outcomes = [d.right for d in drawn if d.case.scene.family is f]
        by_family |= share_metrics(str(f), outcomes)
    overall = sum(by_family[str(f)] for f in GENEVAL) / len(GENEVAL)
    low, high = wilson(overall, len(drawn))
    return {
        "overall": overall,
        "overall_low": low,
        "overall_high": high,
        **by_family,
    }


def sheet(drawn: list[JudgedImage]) -> Image.Image:
    """Draw all images in rows of twelve, framed green where right and red where not, prompts
    below."""
    cell = drawn[0].picture.shape[0] + 2 * FRAME_PX
    rows = -(-len(drawn) // SHEET_COLUMNS)
    size = (min(len(drawn), SHEET_COLUMNS) * cell, rows * (cell + LABEL_PX))
    page = Image.new("RGB", size, (255, 255, 255))
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(9)
    for i, one in enumerate(drawn):
        row, column = divmod(i, SHEET_COLUMNS)
        left, top = column * cell, row * (cell + LABEL_PX)
        frame = (left, top, left + cell - 2, top + cell - 2)
        pen.rectangle(frame, fill=PASS_RGB if one.right else FAIL_RGB)
        page.paste(Image.fromarray(one.picture), (left + FRAME_PX, top + FRAME_PX))
        label = "\n".join(wrap_text(one.case.prompt, pen, font, cell - 4)[:3])
        pen.multiline_text((left + 2, top + cell), label, (20, 20, 20), font, spacing=1)
    return page


def wrap_text(text: str, pen: ImageDraw.ImageDraw, font: Font, width_px: float) -> list[str]:
    """Wrap a text into lines of at most that width."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and pen.textlength(longer, font) > width_px:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
