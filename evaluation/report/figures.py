"""The figures of a result as rows: a value, its interval, and the judge's figure on true data.

Owns: `Figure`, which names belong together, and which figures are better where they are lower. Does
not own: measuring (`evaluation.suites.catalogue`), comparing (`evaluation.report.compare`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

LOW, HIGH = "_low", "_high"
LOWER = ("wer", "false_", "first_sound_s", "rtf", "unchanged")
"""Beginnings of the names of figures that are better where they are lower."""
CEILINGS: dict[str, dict[str, str]] = {
    "scenes": {"overall": "true_renders"},
    "editing": {"done_and_kept": "true_renders"},
    "video": {
        "direction": "judge_direction", "object": "judge_object", "slides": "judge_slides",
        "animated_direction": "judge_direction",
    },
    "asr": {"wer": "wer_floor"},
    "tts": {"wer": "wer_floor", "wer_pocketsphinx": "wer_floor_pocketsphinx", "mos": "mos_true"},
    "sounds": {"sound_made": "true_sounds"},
}  # fmt: skip
"""Suite -> beginning of a figure -> the figure of its judge on true data."""


@dataclass(frozen=True)
class Figure:
    """One number under its name; low, high: its 95 percent interval, None where it has none."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None

    @property
    def lower_is_better(self) -> bool:
        return self.name.startswith(LOWER)

    def written(self, digits: int = 3) -> str:
        """Format the value with its interval in brackets."""
        value = f"{self.value:.{digits}f}"
        if self.low is None or self.high is None:
            return value
        return f"{value} ({self.low:.{digits}f} to {self.high:.{digits}f})"


def figures(metrics: Mapping[str, float]) -> list[Figure]:
    """Return the figures of flat metrics in their order; NAME_low and NAME_high are the interval of
    NAME."""
    return [
        Figure(name, value, metrics.get(f"{name}{LOW}"), metrics.get(f"{name}{HIGH}"))
        for name, value in metrics.items()
        if not any(name.endswith(end) and name.removesuffix(end) in metrics for end in (LOW, HIGH))
    ]


def ceiling(suite: str, name: str, judge: Mapping[str, float]) -> float | None:
    """Return the judge's figure on true data (images, videos or recordings), the ceiling of a
    model's figure; None where there is none."""
    if suite in ("matrix", "symmetric"):
        return judge.get(name)
    known = CEILINGS.get(suite, {})
    if name in known:
        return judge.get(known[name])
    begins = [b for b in known if name.startswith(f"{b}_")]
    if not begins:
        return None
    longest = max(begins, key=len)
    return judge.get(known[longest] + name.removeprefix(longest))
