"""Which lessons follow which: the batches of each kind in a round, evenly spread.

Owns: the shares, `mixture`, `spread`. Does not own: what a lesson is (`training.flow`).
"""

from collections.abc import Collection, Mapping

SHARES = {
    "image": 12, "text": 26, "match": 2, "hear": 18, "speak": 10, "recite": 1, "film": 18,
    "watch": 12, "edit": 12,
}  # fmt: skip
"""Batches of each kind in a round."""
SPEECH, MOTION = ("hear", "speak", "recite"), ("film", "watch", "edit")


def mixture(missing: Collection[str], kinds: Collection[str]) -> tuple[str, ...]:
    """The lessons of a round, of those kinds, or of all, that are not missing.

    Raises: ValueError where one is unknown, or none is left.
    """
    unknown = sorted(set(kinds) - set(SHARES))
    if unknown:
        raise ValueError(f"there is no lesson {unknown[0]!r}: choose of {', '.join(SHARES)}")
    left = {k: n for k, n in SHARES.items() if k not in missing and (not kinds or k in kinds)}
    if not left:
        raise ValueError(f"there are no examples for {', '.join(kinds)} here")
    return spread(left)


def spread(shares: Mapping[str, int]) -> tuple[str, ...]:
    """Each kind so many times, as evenly as it can be."""
    places = [((i + 0.5) / n, kind) for kind, n in shares.items() for i in range(n)]
    return tuple(kind for _, kind in sorted(places))
