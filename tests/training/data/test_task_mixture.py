"""Which lessons follow which in a round."""

import pytest

from training.data.task_mixture import SHARES, SPEECH, mixture, spread


def test_kinds_take_turns() -> None:
    """Every stretch of a round holds its share of each."""
    shares = {"a": 8, "b": 4, "c": 1}
    found = spread(shares)
    assert {k: found.count(k) for k in shares} == shares
    halves = found[: len(found) // 2], found[len(found) // 2 :]
    for kind, num in shares.items():
        assert all(abs(half.count(kind) - num / 2) <= 1 for half in halves)


def test_a_run_takes_the_lessons_that_were_asked_for() -> None:
    assert set(mixture((), ())) == set(SHARES)
    assert set(mixture(SPEECH, ())) == set(SHARES) - set(SPEECH)
    found = mixture(SPEECH, ("image", "edit", "hear"))
    assert {k: found.count(k) for k in set(found)} == {k: SHARES[k] for k in ("image", "edit")}
    found = mixture((), ("image=3", "speak"))
    assert {k: found.count(k) for k in set(found)} == {"image": 3, "speak": SHARES["speak"]}


@pytest.mark.parametrize(
    ("missing", "tasks", "sentence"),
    [
        ((), ("image", "sing"), "no lesson 'sing': choose of image"),
        (SPEECH, ("hear",), "hear here"),
        ((), ("speak=0",), "'speak=0' is no share"),
        ((), ("speak=many",), "like speak=30"),
    ],
)
def test_lessons_that_there_are_not_are_named(
    missing: tuple[str, ...], tasks: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        mixture(missing, tasks)
