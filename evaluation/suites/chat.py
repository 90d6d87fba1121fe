"""Held-out dialogues in which the model itself chooses text or an image as its answer."""

from dataclasses import dataclass, replace

import numpy as np

from engine.api.conversation import Conversation, Part, Turn
from engine.api.events import Answer
from engine.api.request import Request
from engine.api.sampling import Sampling
from evaluation.answers import (
    AnswerEngine,
    generate_answers,
    image_of,
    plain,
    record_verdicts,
    text_of,
)
from evaluation.judges.image_judge import satisfies
from evaluation.judges.image_parser import parse
from evaluation.result import Measurement, share_metrics
from world.image.rendering import render
from world.text.dialogue import Dialogue, Kind, Utterance, sample_dialogue


@dataclass(frozen=True)
class Verdict:
    """The verdict on an answer. right: see `judge_answer`. suggests: it declared the request out of
    domain. shows: the image satisfies the request; None for other dialogues."""

    kind: Kind
    right: bool
    suggests: bool
    shows: bool | None = None


def evaluate(engine: AnswerEngine, num: int, seed: int, sampling: Sampling) -> Measurement:
    """Return shares in [0, 1] over num held-out dialogues, the six kinds in turn, judged by
    `judge_answer`, with their 95 percent intervals.

    in_world: asks and wishes for pictures together; asked, drawn: each alone; follow_ups: answers
    that need what was said before; knowledge: simple facts; small_talk; out_of_world: wishes that
    the world does not hold. drawn_right: wishes whose picture shows what was wished for.
    false_refusals: dialogues of the other kinds that were taken for out of world.
    Raises ValueError where num is below the number of kinds.

    """
    dialogues = plan(num, seed)
    requests = [
        Request(conversation_of(d), None, replace(sampling, seed=seed + i))
        for i, d in enumerate(dialogues)
    ]
    answers = generate_answers(engine, requests, "chat")
    verdicts = [judge_answer(d, a) for d, a in zip(dialogues, answers, strict=True)]
    record_verdicts(engine, "chat", (v.right and v.shows is not False for v in verdicts))
    return Measurement(figures(verdicts))


def plan(num: int, seed: int) -> list[Dialogue]:
    """Sample num held-out dialogues, the kinds in turn."""
    kinds = tuple(Kind)
    if num < len(kinds):
        raise ValueError(f"--num must be at least {len(kinds)} for chat, not {num}")
    rng = np.random.default_rng(seed)
    return [sample_dialogue(rng, kinds[i % len(kinds)], test=True) for i in range(num)]


def conversation_of(dialogue: Dialogue) -> Conversation:
    """Return the turns before the judged answer; scenes become rendered images."""
    return Conversation(tuple(_turn(u) for u in dialogue.utterances[:-1]))


def _turn(said: Utterance) -> Turn:
    words = (Part(text=said.text),) if said.text else ()
    picture = (Part(image=render(said.scene)),) if said.scene is not None else ()
    parts = (*picture, *words) if said.role == "user" else (*words, *picture)
    return Turn(said.role, parts)


def judge_answer(dialogue: Dialogue, answers: tuple[Answer, ...]) -> Verdict:
    """Judge an answer. Right is: OUT_OF_DOMAIN, the answer suggests what lies inside; SMALL_TALK,
    it has words and no picture; where a picture was wished for, it holds one; everywhere else its
    words are the expected ones and it holds no picture. Only an answer to OUT_OF_DOMAIN may
    suggest."""
    expected, picture, words = dialogue.utterances[-1], image_of(answers), text_of(answers)
    suggests = any(a.suggest for a in answers)
    if dialogue.kind is Kind.OUT_OF_DOMAIN:
        return Verdict(dialogue.kind, suggests, suggests)
    if dialogue.kind is Kind.SMALL_TALK:
        return Verdict(dialogue.kind, bool(words) and picture is None and not suggests, suggests)
    if expected.scene is None:
        same = words == plain(expected.text) and picture is None and not suggests
        return Verdict(dialogue.kind, same, suggests)
    shows = picture is not None and satisfies(parse(picture), expected.scene)
    return Verdict(dialogue.kind, picture is not None and not suggests, suggests, shows)


def figures(verdicts: list[Verdict]) -> dict[str, float]:
    """Return the metrics of verdicts with at least one of each kind."""

    def right(*kinds: Kind) -> list[bool]:
        return [v.right for v in verdicts if v.kind in kinds]

    outcomes = {
        "in_world": right(Kind.ASK, Kind.DRAW),
        "asked": right(Kind.ASK),
        "drawn": right(Kind.DRAW),
        "drawn_right": [v.shows for v in verdicts if v.shows is not None],
        "follow_ups": right(Kind.FOLLOW_UP),
        "knowledge": right(Kind.KNOWLEDGE),
        "small_talk": right(Kind.SMALL_TALK),
        "out_of_world": right(Kind.OUT_OF_DOMAIN),
        "false_refusals": [v.suggests for v in verdicts if v.kind is not Kind.OUT_OF_DOMAIN],
    }
    metrics: dict[str, float] = {}
    for name, found in outcomes.items():
        metrics |= share_metrics(name, found)
    return metrics
