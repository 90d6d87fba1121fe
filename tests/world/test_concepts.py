"""The names of things."""

from world.concepts import CONCEPTS


def test_plurals_are_english() -> None:
    """No plain "s" after a hiss or after a consonant and y."""
    for concept in CONCEPTS:
        assert not concept.plural.endswith(("xs", "chs", "shs", "sss")), concept.name
        if concept.name.endswith("y") and concept.name[-2] not in "aeiou":
            assert concept.plural.endswith("ies"), concept.name
