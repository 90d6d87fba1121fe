"""The report of a conversion: tensors filled, computed, kept, untrained and unused."""

from collections import Counter
from dataclasses import dataclass
from math import prod
from typing import Any

from model.config import OmniConfig
from model.convert.layout import Layout, Shapes
from model.loading.hf_folder import HfFolder


@dataclass(frozen=True)
class Report:
    """The result of a conversion. Our names: filled from the source, made (computed from it), kept,
    fresh (random, in a new checkpoint). unused: names of the source. before, after: the configs."""

    layout: Layout
    source: HfFolder
    shapes: Shapes
    filled: list[str]
    made: list[str]
    kept: list[str]
    fresh: list[str]
    unused: list[str]
    before: OmniConfig
    after: OmniConfig

    def lines(self) -> list[str]:
        """Return the report, one line a fact."""
        found = [f"{self.source.name}: {self.source.architecture or self.layout.what}"]
        for said, names in (
            ("filled", self.filled),
            ("computed from it", self.made),
            ("as it was", self.kept),
            ("untrained (random numbers)", self.fresh),
        ):
            numbers = sum(prod(self.shapes[name]) for name in names)
            found.append(f"{said}: {len(names)} tensors, {numbers:,} numbers{_parts(names)}")
        found.append(f"not used of the source: {len(self.unused)} tensors{_parts(self.unused)}")
        changes = _changes(self.before.to_json(), self.after.to_json())
        return found + [f"config: {change}" for change in changes]


def _parts(names: list[str]) -> str:
    """Count tensors by the first two parts of their names."""
    counts = Counter(".".join(name.split(".")[:2]) for name in names)
    listed = ", ".join(f"{part} ({n})" if n > 1 else part for part, n in sorted(counts.items()))
    return f": {listed}" if listed else ""


def _changes(before: dict[str, Any], after: dict[str, Any], inside: str = "") -> list[str]:
    found: list[str] = []
    for key, value in after.items():
        old = before.get(key)
        if isinstance(value, dict) and isinstance(old, dict):
            found += _changes(old, value, f"{inside}{key}.")
        elif old != value:
            found.append(f"{inside}{key} is now {value}, was {old}")
    return found
