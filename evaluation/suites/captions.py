"""Questions about rendered images of held-out scenes, answered in text."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from engine.api.conversation import Conversation
from engine.api.request import Request
from engine.api.sampling import Sampling
from evaluation.answers import AnswerEngine, generate_answers, plain, record_verdicts, text_of
from evaluation.result import Measurement, share_metrics
from flow.modality import Modality
from world.concepts import named_concepts
from world.image.rendering import render
from world.image.scenes import GENEVAL, Family, Scene, sample_scene
from world.text.captions import Question, questions

COUNT_FAMILIES = (Family.COUNTING, Family.COUNTING, Family.COUNTING, Family.TWO_OBJECTS)
"""The families of counting scenes; the answers one to four are about equally frequent."""
FAMILIES: dict[str, tuple[Family, ...]] = {
    "object": GENEVAL,
    "count": COUNT_FAMILIES,
    "colour": (Family.COLOURS, Family.COLOUR_ATTRIBUTION),
}
"""The families of scenes for each kind of question, in turn."""


@dataclass(frozen=True)
class VisualQuestion:
    """A question about the image of a scene."""

    scene: Scene
    question: Question


def evaluate(
    engine: AnswerEngine,
    num: int,
    seed: int,
    sampling: Sampling,
    families: Mapping[str, tuple[Family, ...]] = FAMILIES,
) -> Measurement:
    """Return shares in [0, 1], each over num questions about num pictures, with 95 percent
    intervals.

    object: asked what it sees (in many phrasings, scenes of the six families), the answer names
    exactly the scene's concepts, all of them and no other. exact: that answer is
    `world.text.captions.full_caption`, word for word. count: "how many dogs are there?" is answered
    with the right number word (scenes with one to four of the thing). colour: "what colour is the
    heart?" is answered with the right word. Capitals, spaces and a final full stop do not count.
    families: of the scenes asked about, by the kind of question; no other kind is asked. Raises
    ValueError where num is below 1.

    """
    asked = plan(num, seed, families)
    said = {
        kind: _said(engine, one, replace(sampling, seed=seed), kind) for kind, one in asked.items()
    }

    def right(kind: str, is_right: Callable[[str, VisualQuestion], bool]) -> list[bool]:
        return [is_right(s, a) for s, a in zip(said[kind], asked[kind], strict=True)]

    judges = {"object": names_the_objects, "count": says_the_answer, "colour": says_the_answer}
    found = {kind: right(kind, judges[kind]) for kind in asked}
    for kind, verdicts in found.items():
        record_verdicts(engine, kind, verdicts)
    metrics: dict[str, float] = {}
    if "object" in asked:
        found["exact"] = right("object", says_the_answer)
    for kind, verdicts in found.items():
        metrics |= share_metrics(kind, verdicts)
    return Measurement(metrics)


def plan(
    num: int, seed: int, families: Mapping[str, tuple[Family, ...]] = FAMILIES
) -> dict[str, list[VisualQuestion]]:
    """Sample num questions of each kind about held-out scenes: kind -> questions, in the order
    asked."""
    if num < 1:
        raise ValueError(f"--num must be at least 1, not {num}")
    rng = np.random.default_rng(seed)
    return {kind: _asked(rng, num, kind, row) for kind, row in families.items()}


def names_the_objects(said: str, asked: VisualQuestion) -> bool:
    """Return whether an answer names all concepts of the scene and no other."""
    return named_concepts(said) == {i.concept for i in asked.scene.items}


def says_the_answer(said: str, asked: VisualQuestion) -> bool:
    """Return whether an answer matches exactly."""
    return said == plain(asked.question.answer)


def _asked(
    rng: np.random.Generator, num: int, kind: str, families: tuple[Family, ...]
) -> list[VisualQuestion]:
    """Sample num questions of a kind about held-out scenes of which it can be asked, the families
    in turn."""
    asked: list[VisualQuestion] = []
    while len(asked) < num:
        scene = sample_scene(rng, test=True, family=families[len(asked) % len(families)])
        question = next((q for q in questions(scene, rng) if q.kind == kind), None)
        if question is not None:
            asked.append(VisualQuestion(scene, question))
    return asked


def _said(
    engine: AnswerEngine, asked: list[VisualQuestion], sampling: Sampling, what: str
) -> list[str]:
    requests = [
        Request(
            Conversation.ask(a.question.text, render(a.scene)),
            Modality.TEXT,
            replace(sampling, seed=sampling.seed + i),
        )
        for i, a in enumerate(asked)
    ]
    return [text_of(answers) for answers in generate_answers(engine, requests, what)]
