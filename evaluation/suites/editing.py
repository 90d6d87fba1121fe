"""Does it change what it is asked to change, and nothing else? Held-out changes of exact pictures,
read and judged by `evaluation.judges.editing_judge`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from tqdm import tqdm

from engine.api.conversation import Conversation
from engine.api.request import Request
from engine.api.sampling import Sampling
from evaluation.answers import Answerer, ask, picture_of, seeded, tell
from evaluation.judges.editing_judge import PLACE_PX, EditVerdict, verdict
from evaluation.judges.image_parser import Detected, Parsed, parse
from evaluation.report.result import Measured, share, share_figures
from evaluation.suites.tokenizer import round_trip
from flow.modality import Modality
from world.image.edits import Change, Edit, sample_edit
from world.image.scenes import render


@dataclass(frozen=True)
class Edited:
    """A change that was asked for, what the answer is worth, and whether it is the picture as it
    was."""

    edit: Edit
    verdict: EditVerdict
    unchanged: bool


def evaluate(engine: Answerer, num: int, seed: int, sampling: Sampling) -> Measured:
    """Shares in [0, 1] of num changes, the seven kinds in turn, by
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
    return Measured(figures(edited), judge_figures(engine, edits, as_it_was))


def plan(num: int, seed: int, kinds: Sequence[Change] = tuple(Change)) -> list[Edit]:
    """num held-out changes, the kinds in turn. More of the same seed begin with the same ones."""
    if num < 1:
        raise ValueError(f"--num must be at least 1, not {num}")
    rng = np.random.default_rng(seed)
    return [sample_edit(rng, test=True, change=kinds[i % len(kinds)]) for i in range(num)]


def change(
    engine: Answerer, edits: list[Edit], as_it_was: list[Parsed], sampling: Sampling
) -> list[Edited]:
    """The judged answers; change i is made with seed sampling.seed + i. as_it_was: what is read
    from the pictures before, as the tokenizer shows them."""
    requests = [
        Request(
            Conversation.ask(e.words, image=render(e.before)),
            Modality.IMAGE,
            seeded(sampling, i),
        )
        for i, e in enumerate(edits)
    ]
    answers = ask(engine, requests, "edit")
    edited: list[Edited] = []
    for edit, was, found in zip(edits, as_it_was, tqdm(answers, desc="judge"), strict=True):
        picture = picture_of(found)
        assert picture is not None, "a request for a picture is answered with one"
        parsed = parse(picture)
        edited.append(Edited(edit, verdict(edit, parsed), shows_the_same(parsed, was)))
    tell(engine, "edit", (e.verdict.right for e in edited))
    return edited


def figures(edited: list[Edited]) -> dict[str, float]:
    """The metrics of one or more judged changes."""
    right = [e.verdict.right for e in edited]
    return {
        **share_figures("done", (e.verdict.done for e in edited)),
        **share_figures("kept", (e.verdict.kept for e in edited)),
        **share_figures("done_and_kept", right),
        **_by_kind("done_and_kept", [e.edit for e in edited], right),
        "unchanged": share(e.unchanged for e in edited),
    }


def _by_kind(name: str, edits: list[Edit], right: list[bool]) -> dict[str, float]:
    """The share that is right of each kind that is there."""
    pairs = list(zip(edits, right, strict=True))
    kinds = [k for k in Change if any(e.change is k for e in edits)]
    return {f"{name}_{k}": share(r for e, r in pairs if e.change is k) for k in kinds}


def judge_figures(engine: Answerer, edits: list[Edit], as_it_was: list[Parsed]) -> dict[str, float]:
    """How far the judge can be trusted on these changes, see `evaluate`. num: pictures behind each
    figure."""
    after = np.stack([render(e.after) for e in edits])
    found: dict[str, float] = {"num": float(len(edits))}
    for name, pictures in (("true_renders", after), ("round_trips", round_trip(engine, after))):
        pairs = zip(edits, tqdm(pictures, desc=f"judge: {name}"), strict=True)
        right = [verdict(e, parse(p)).right for e, p in pairs]
        found |= {name: share(right), **_by_kind(name, edits, right)}
    undone = (verdict(e, was).done for e, was in zip(edits, as_it_was, strict=True))
    return found | {"false_accepts": share(undone)}


def shows_the_same(one: Parsed, other: Parsed) -> bool:
    """Whether two readings have the same background, and the same objects in the same sizes at the
    same places, up to `editing_judge.PLACE_PX`."""
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
