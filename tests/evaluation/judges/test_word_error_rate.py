import pytest

from evaluation.judges.word_error_rate import wer_metrics, word_error_rate
from world.text.sentences import edit_distance
from world.text.spelling import normalised_words


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Four balloons, please!", "4 balloons please"),
        ("seven two nine", "7-2-9."),
        ("twenty thirteen", "2013"),
        ("What color is the gray donut?", "what colour is the grey doughnut"),
        ("you are welcome!", "You’re welcome."),
        ("i cannot see it", "I can't see it"),
        ("tick tock!", "Tick-tock."),
    ],
)
def test_one_thing_is_spelled_one_way(a: str, b: str) -> None:
    assert normalised_words(a) == normalised_words(b)


def test_other_words_stay_others() -> None:
    assert normalised_words("for balloons") != normalised_words("four balloons")
    assert normalised_words("") == normalised_words("?!") == []


def test_edits_by_hand() -> None:
    assert edit_distance("a red heart".split(), "a big red star".split()) == 2
    assert edit_distance([], ["a", "b"]) == edit_distance(["a", "b"], []) == 2
    assert edit_distance(["a"], ["a"]) == 0


def test_the_rate_counts_all_words_of_all_texts() -> None:
    assert word_error_rate(["a dog", "moo"], ["a cat on grass", "moo"]) == pytest.approx(3 / 5)
    assert word_error_rate(["one two three"], ["one"]) == 2
    with pytest.raises(ValueError, match="no words"):
        word_error_rate(["hello"], ["?"])


def test_the_interval_holds_the_rate_and_closes_with_certainty() -> None:
    wanted = ["a dog", "a cat"] * 20
    sure = wer_metrics("wer", wanted, wanted)
    assert sure == {"wer": 0, "wer_low": 0, "wer_high": 0}
    found = wer_metrics("wer", ["a dog"] * 40, wanted)
    assert found["wer_low"] < found["wer"] == 0.25 < found["wer_high"]
