"""Two results side by side, with a verdict from their confidence intervals.

Owns: `Difference`, the verdict, the table. Does not own: reading results (`evaluation.run_all`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.report.figures import Figure, figures
from evaluation.result import AUTO, Result
from evaluation.run_all import AllResults

BETTER, WORSE, UNCLEAR, UNKNOWN = "better", "worse", "no clear difference", "no interval"
WIDE, NARROW = 30, 25
"""Characters of the column of names, and of each of the two figures."""


@dataclass(frozen=True)
class Difference:
    """One figure of both; None where one of them does not have it."""

    name: str
    a: Figure | None
    b: Figure | None

    @property
    def verdict(self) -> str:
        """Compare b with a: `BETTER` or `WORSE` where the two 95 percent intervals do not overlap,
        `UNCLEAR` where they do, `UNKNOWN` where one is missing."""
        if self.a is None or self.b is None:
            return ""
        a, b = self.a, self.b
        if a.low is None or a.high is None or b.low is None or b.high is None:
            return UNKNOWN
        if b.low <= a.high and a.low <= b.high:
            return UNCLEAR
        return BETTER if (b.low > a.high) != b.lower_is_better else WORSE

    def row(self) -> str:
        """Return the line of the table."""
        both = [f.written() if f else "-" for f in (self.a, self.b)]
        change = f"{self.b.value - self.a.value:+.3f}" if self.a and self.b else ""
        columns = f"{self.name:<{WIDE}}{both[0]:<{NARROW}}{both[1]:<{NARROW}}{change:<9}"
        return f"{columns}{self.verdict}".rstrip()


def differences(a: Result, b: Result) -> list[Difference]:
    """Return the figures of both in the order of the first, then those of the second alone."""
    first, second = ({f.name: f for f in figures(r.metrics)} for r in (a, b))
    return [Difference(name, first.get(name), second.get(name)) for name in {**first, **second}]


def compare(a: AllResults | Result, b: AllResults | Result) -> str:
    """Return the table as text: both checkpoints, every common suite, and what limits the
    comparison: other seeds, other sizes, missing suites.

    Raises: ValueError where they have no suite in common.

    """
    ours, theirs = _suites(a), _suites(b)
    common = [name for name in ours if name in theirs]
    if not common:
        raise ValueError(
            f"nothing can be compared: one has {_names(ours)}, the other {_names(theirs)}"
        )
    rows = [f"A: {_about(a)}", f"B: {_about(b)}", "B beside A, 95% intervals"]
    for name in common:
        rows += ["", *_table(name, ours[name], theirs[name])]
    alone = [("A", ours, theirs), ("B", theirs, ours)]
    for which, one, other in alone:
        lacking = [name for name in one if name not in other]
        rows += ["", f"only {which} has {_names(lacking)}"] if lacking else []
    return "\n".join(rows)


def _table(name: str, a: Result, b: Result) -> list[str]:
    rows = [name, f"{'':<{WIDE}}{'A':<{NARROW}}{'B':<{NARROW}}"]
    if a.seed != b.seed:
        rows.append(f"note: other items, A has seed {a.seed} and B seed {b.seed}")
    if a.num != b.num:
        rows.append(f"note: other sizes, A has {a.num} items and B {b.num}")
    return [r.rstrip() for r in rows] + [d.row() for d in differences(a, b)]


def _suites(found: AllResults | Result) -> dict[str, Result]:
    return dict(found.suites) if isinstance(found, AllResults) else {found.name: found}


def _about(found: AllResults | Result) -> str:
    digest = f" ({found.digest})" if isinstance(found, AllResults) else ""
    digest += "" if found.weights == AUTO else f" in {found.weights}"
    return f"{found.checkpoint}{digest}, seed {found.seed}, {found.device}, {found.date}"


def _names(names: Sequence[str] | dict[str, Result]) -> str:
    return ", ".join(names) or "nothing"
