"""Held-out edits of rendered images, judged by `evaluation.judges.editing_judge`: the edit is done
and all else is kept."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from tqdm import tqdm

from engine.api.conversation import Conversation
from engine.api.request import Request
from engine.api.sampling import Sampling
from evaluation.answers import AnswerEngine, generate_answers, image_of, record_verdicts, seeded
from evaluation.judges.editing_judge import PLACE_PX, EditVerdict, verdict
from evaluation.judges.image_parser import Detected, Parsed, parse
from evaluation.result import Measurement, share, share_metrics
from evaluation.suites.tokenizer import round_trip
from flow.modality import Modality
from world.edits.edits import Change, Edit
from world.edits.sampling import sample_edit
from world.image.rendering import render


@dataclass(frozen=True)
class JudgedEdit:
    """An edit, its verdict, and whether the answer shows the image before the edit."""

    edit: Edit
    verdict: EditVerdict
    unchanged: bool


def evaluate(engine: AnswerEngine, num: int, seed: int, sampling: Sampling) -> Measurement:
    """Return shares in [0, 1] of num changes, the seven kinds in turn, by
    `evaluation.judges.editing_judge`.

    done: the change is there; kept: all else is as before; done_and_kept: both; each with its 95
    percent Wilson interval. done_and_kept_KIND: of each kind that was asked for. unchanged: answers
    that show the same as the picture before, see `shows_the_same`; a model that only copies has
    kept and unchanged of 1. Judge: true_renders, exact pictures after the change that are done and
    kept, and round_trips, the same through the picture tokenizer, the best that a generator over
    its codes could score; both of each kind, too. false_accepts: pictures before the change that
    are done. Raises ValueError where num is below 1.

    """
    edits = plan(num, seed)
    before = np.stack([render(e.before) for e in edits])
    as_it_was = [parse(p) for p in tqdm(round_trip(engine, before), desc="judge: before")]
    edited = change(engine, edits, as_it_was, replace(sampling, seed=seed))
    return Measurement(figures(edited), judge_metrics(engine, edits, as_it_was))


def plan(num: int, seed: int, kinds: Sequence[Change] = tuple(Change)) -> list[Edit]:
    """Sample num held-out edits, the kinds in turn. More of the same seed begin with the same
    ones."""
    if num < 1:
        raise ValueError(f"--num must be at least 1, not {num}")
    rng = np.random.default_rng(seed)
    return [sample_edit(rng, test=True, change=kinds[i % len(kinds)]) for i in range(num)]


def change(
    engine: AnswerEngine, edits: list[Edit], as_it_was: list[Parsed], sampling: Sampling
) -> list[JudgedEdit]:
    """Generate and judge the edits; edit i has seed sampling.seed + i. as_it_was: what is read from
    the pictures before, as the tokenizer shows them."""
    requests = [
        Request(
            Conversation.ask(e.words, image=render(e.before)),
            Modality.IMAGE,
            seeded(sampling, i),
        )
        for i, e in enumerate(edits)
    ]
    answers = generate_answers(engine, requests, "edit")
    edited: list[JudgedEdit] = []
    for edit, was, found in zip(edits, as_it_was, tqdm(answers, desc="judge"), strict=True):
        picture = image_of(found)
        assert picture is not None, "a request for a picture is answered with one"
        parsed = parse(picture)
        edited.append(JudgedEdit(edit, verdict(edit, parsed), shows_the_same(parsed, was)))
    record_verdicts(engine, "edit", (e.verdict.right for e in edited))
    return edited


def figures(edited: list[JudgedEdit]) -> dict[str, float]:
    """Return the metrics of one or more judged edits."""
    right = [e.verdict.right for e in edited]
    return {
        **share_metrics("done", (e.verdict.done for e in edited)),
        **share_metrics("kept", (e.verdict.kept for e in edited)),
        **share_metrics("done_and_kept", right),
        **_by_kind("done_and_kept", [e.edit for e in edited], right),
        "unchanged": share(e.unchanged for e in edited),
    }


def _by_kind(name: str, edits: list[Edit], right: list[bool]) -> dict[str, float]:
    """Return the share of right edits by kind."""
    pairs = list(zip(edits, right, strict=True))
    kinds = [k for k in Change if any(e.change is k for e in edits)]
    return {f"{name}_{k}": share(r for e, r in pairs if e.change is k) for k in kinds}


def judge_metrics(
    engine: AnswerEngine, edits: list[Edit], as_it_was: list[Parsed]
) -> dict[str, float]:
    """Measure the judge on these edits, see `evaluate`. num: pictures behind each figure."""
    after = np.stack([render(e.after) for e in edits])
    found: dict[str, float] = {"num": float(len(edits))}
    for name, pictures in (("true_renders", after), ("round_trips", round_trip(engine, after))):
        pairs = zip(edits, tqdm(pictures, desc=f"judge: {name}"), strict=True)
        right = [verdict(e, parse(p)).right for e, p in pairs]
        found |= {name: share(right), **_by_kind(name, edits, right)}
    undone = (verdict(e, was).done for e, was in zip(edits, as_it_was, strict=True))
    return found | {"false_accepts": share(undone)}


def shows_the_same(one: Parsed, other: Parsed) -> bool:
    """Return whether two parses have the same background, and the same objects in the same sizes at
    the same places, up to `editing_judge.PLACE_PX`."""
    if one.background != other.background or len(one.objects) != len(other.objects):
        return False
    left = list(other.objects)
    for o in one.objects:
        twin = next((p for p in left if _alike(o, p)), None)
        if twin is None:
            return False
        left.remove(twin)
    return True


def _alike(one: Detected, other: Detected) -> bool:
    away = np.abs(np.subtract(one.centre_px, other.centre_px))
    looks = [(o.concept, o.colour, o.size_px) for o in (one, other)]
    return looks[0] == looks[1] and bool((away <= PLACE_PX).all())
