"""Held-out items of every pair of modalities: text, image, audio and video to each, and mixed
inputs.

Owns: measuring the cells of `evaluation.suites.cells`, and their table as text.
"""

from collections.abc import Sequence

from tqdm import tqdm

from engine.api.request import Request
from engine.api.sampling import Sampling
from evaluation.answers import generate_answers, record_verdicts, seeded
from evaluation.requirements import Requirement
from evaluation.result import Measurement, share, share_metrics
from evaluation.speech_client import SpeechEngine
from evaluation.suites.cell_item import Answers, Item, Material
from evaluation.suites.cells import CELLS
from flow.modality import Modality

KINDS = tuple(str(m) for m in (Modality.TEXT, Modality.IMAGE, Modality.AUDIO, Modality.VIDEO))
WIDE, NARROW = 28, 21
"""The width in characters of the columns of both tables."""


def evaluate(engine: SpeechEngine, material: Material, sampling: Sampling) -> Measurement:
    """Return the share in [0, 1] of right answers of each cell under its name, `text_to_image` and
    so on, with its 95 percent interval; `trained`: how many cells were measured.

    Judge: under the name of a cell the share of true data that its judge accepts, exact pictures
    and films, or real recordings; NAME_num: items. left_out: why a cell was not measured.
    Item i is made with seed sampling.seed + i. Raises ValueError where num is no multiple of 6.

    """
    has, listens = trained_requirements(engine), material.listen is not None
    reasons = {cell.name: cell.missing(has, listens=listens) for cell in CELLS}
    plans = {
        cell.name: cell.plan(material)
        for cell in CELLS
        if cell.plan is not None and reasons[cell.name] is None
    }
    metrics: dict[str, float] = {}
    judge: dict[str, float] = {"num": float(material.num)}
    for name, items in plans.items():
        metrics |= share_metrics(name, outcomes(engine, name, items, sampling))
        judge[name] = share(i.true() for i in tqdm(items, desc=f"judge: true {name}"))
        judge[f"{name}_num"] = float(len(items))
    left_out = {name: reason for name, reason in reasons.items() if reason is not None}
    metrics["trained"] = float(len(plans))
    return Measurement(metrics, judge, left_out)


def trained_requirements(engine: SpeechEngine) -> frozenset[Requirement]:
    """Return the trained abilities of a checkpoint beyond images and text."""
    sound = {Requirement.SOUND} if engine.max_audio_s else set()
    config = engine.model.config
    films = {Requirement.VIDEO} if config.video_frames else set()
    making = {Requirement.VIDEO_GENERATION} if Modality.VIDEO in config.media else set()
    return frozenset(sound | films | making)


def outcomes(
    engine: SpeechEngine, name: str, items: Sequence[Item], sampling: Sampling
) -> list[bool]:
    """Answer each item and judge it; a transcript of the input is no part of an answer."""
    requests = [
        Request(item.conversation, item.to, seeded(sampling, i), aloud=item.aloud)
        for i, item in enumerate(items)
    ]
    answers = generate_answers(engine, requests, name)
    pairs = zip(items, tqdm(answers, desc=f"judge: {name}"), strict=True)
    right = [item.right(_answered(found)) for item, found in pairs]
    record_verdicts(engine, name, right)
    return right


def _answered(answers: Answers) -> Answers:
    return [a for a in answers if not a.heard]


def table(measured: Measurement) -> str:
    """Return the cells as text: a row an input, a column an output; then every cell with its
    request and judge, or the reason why it was not measured."""
    head = "".join(f"{kind:<{NARROW}}" for kind in KINDS)
    rows = [f"{'given':<8}{head}".rstrip()]
    for given in KINDS:
        cells = (_figure(measured, f"{given}_to_{kind}") for kind in KINDS)
        rows.append(f"{given:<8}{''.join(f'{c:<{NARROW}}' for c in cells)}".rstrip())
    rows += ["", "share right (95% interval); the judge's own share on true data is below", ""]
    for cell in CELLS:
        figure = _figure(measured, cell.name)
        rows.append(f"{cell.name:<{WIDE}}{figure:<{NARROW}}{cell.request}")
        if cell.name in measured.metrics:
            ceiling, num = measured.judge[cell.name], measured.judge[f"{cell.name}_num"]
            by = "; goes by words in between" if cell.by_words else ""
            rows.append(f"{'':<{WIDE}}{ceiling:.2f} of true, {num:.0f} items: {cell.judge}{by}")
        else:
            rows.append(f"{'':<{WIDE}}{measured.left_out[cell.name]}")
    return "\n".join(rows)


def _figure(measured: Measurement, name: str) -> str:
    if name not in measured.metrics:
        return measured.left_out[name].partition(":")[0]
    value, low, high = (measured.metrics[f"{name}{end}"] for end in ("", "_low", "_high"))
    return f"{value:.2f} ({low:.2f}-{high:.2f})"
