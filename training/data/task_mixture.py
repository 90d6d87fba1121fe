"""The mixture of tasks: how many batches of each are in a round, evenly spread.

Owns: the shares, `mixture`, `spread`. Does not own: what a lesson is (`training.stages.flow`).
"""

from collections.abc import Collection, Mapping

SHARES = {
    "image": 12, "text": 26, "match": 2, "hear": 18, "speak": 10, "recite": 1, "film": 18,
    "watch": 12, "edit": 12,
}  # fmt: skip
"""Batches of each task in a round."""
SPEECH, MOTION = ("hear", "speak", "recite"), ("film", "watch", "edit")


def mixture(missing: Collection[str], tasks: Collection[str]) -> tuple[str, ...]:
    """Return the tasks of a round, of those asked for (or all) that are not missing. A task is a
    name, or one with its share, "speak=30".

    Raises: ValueError where one is unknown, its share is no number, or none is left.
    """
    asked = dict(map(_share, tasks)) if tasks else SHARES
    left = {kind: n for kind, n in asked.items() if kind not in missing}
    if not left:
        raise ValueError(f"there are no examples for {', '.join(tasks)} here")
    return spread(left)


def _share(kind: str) -> tuple[str, int]:
    name, own, share = kind.partition("=")
    if name not in SHARES:
        raise ValueError(f"there is no lesson {name!r}: choose of {', '.join(SHARES)}")
    if own and not (share.isdecimal() and int(share)):
        raise ValueError(f"{kind!r} is no share: say how many batches of a round, like {name}=30")
    return name, int(share) if own else SHARES[name]


def spread(shares: Mapping[str, int]) -> tuple[str, ...]:
    """Repeat each task by its share, as evenly as possible."""
    places = [((i + 0.5) / n, kind) for kind, n in shares.items() for i in range(n)]
    return tuple(kind for _, kind in sorted(places))
