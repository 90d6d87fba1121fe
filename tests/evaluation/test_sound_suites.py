"""Each suite of hearing and speaking with an engine that is always right, and with one that is
not."""

from collections.abc import Callable

import numpy as np
import pytest

from engine.api.events import Answer
from engine.api.request import Request
from engine.api.sampling import Sampling
from evaluation.pack import Pack
from evaluation.result import share_metrics
from evaluation.speech_client import require_audio
from evaluation.suites import asr, sounds, spoken_qa, tts
from flow.modality import Modality
from tests.evaluation.perfect import TOKENS, said
from tests.evaluation.talker import PACK, Known, Talker, heard, perfect, spoken
from world.audio.voices import HELD_OUT_VOICES
from world.image.rendering import render
from world.text.dialogue import Kind, known_dialogue, sample_dialogue
from world.text.sentences import sample_instruction

SAMPLING = Sampling(steps=4)
JUDGES = tts.Judges(heard, heard, lambda samples: 4.0 if len(samples) else 1.0)
Rule = Callable[[Request], tuple[Answer, ...]]


def _known(talks: list[tuple[spoken_qa.SpokenQuestion, ...]]) -> Known:
    return {_key(a): a.right_answer for talk in talks for a in talk}


def _key(asked: spoken_qa.SpokenQuestion) -> tuple[str, bytes | None]:
    scene = asked.dialogue.utterances[0].scene
    return asked.clip.sentence, None if scene is None else render(scene).tobytes()


def test_a_checkpoint_without_sound_is_refused() -> None:
    with pytest.raises(ValueError, match="neither hears nor speaks"):
        require_audio(Talker(perfect(), max_audio_s=0.0))
    require_audio(Talker(perfect()))


def test_a_share_lies_in_its_interval() -> None:
    found = share_metrics("right", iter([True, False, True, True]))
    assert list(found) == ["right", "right_low", "right_high"]
    assert found["right_low"] < found["right"] == 0.75 < found["right_high"]


def test_asr_of_a_perfect_engine() -> None:
    engine = Talker(perfect())
    measured = asr.evaluate(engine, PACK, 8, 3, SAMPLING, heard)
    assert set(measured.metrics.values()) == {0.0}
    assert set(measured.metrics) == {
        "wer", "wer_low", "wer_high", "wer_heldout_voices", "wer_output_voice"
    }  # fmt: skip
    assert measured.judge == {"num": 8, "wer_floor": 0}
    assert [r.to for r in engine.asked] == [Modality.TEXT] * 8
    assert [r.sampling for r in engine.asked] == [Sampling(steps=4, seed=3 + i) for i in range(8)]


def test_asr_tells_the_voices_apart() -> None:
    def deaf_to_strangers(request: Request) -> tuple[Answer, ...]:
        found = perfect()(request)
        voices = {c.sentence: c.voice for c in PACK.spoken}
        audio = request.conversation.turns[-1].parts[0].audio
        assert audio is not None
        return said("") if voices[heard(audio)] in HELD_OUT_VOICES else found

    metrics = asr.evaluate(Talker(deaf_to_strangers), PACK, 8, 0, SAMPLING, None).metrics
    assert (metrics["wer_heldout_voices"], metrics["wer_output_voice"]) == (1, 0)
    assert 0 < metrics["wer"] < 1


def test_asr_leaves_out_what_it_does_not_know() -> None:
    measured = asr.evaluate(Talker(perfect()), PACK, 1, 0, SAMPLING, None)
    assert "wer_heldout_voices" not in measured.metrics
    assert measured.judge == {}


def test_tts_of_a_perfect_engine() -> None:
    engine = Talker(perfect())
    measured = tts.evaluate(engine, PACK, 2, 0, SAMPLING, JUDGES)
    metrics = measured.metrics
    assert (metrics["wer"], metrics["wer_high"], metrics["wer_pocketsphinx"]) == (0, 0, 0)
    assert metrics["mos"] == 4
    assert metrics["stoi"] == pytest.approx(1, abs=0.01)
    assert 0 <= metrics["first_sound_s"] < 1
    assert 0 < metrics["rtf"] < 1
    assert measured.judge == {
        "num": 2, "wer_floor": 0, "wer_floor_pocketsphinx": 0, "wer_round_trip": 0,
        "mos_true": 4, "mos_round_trip": 4,
    }  # fmt: skip
    assert [r.to for r in engine.asked] == [Modality.AUDIO] * 2


def test_tts_of_a_silent_engine() -> None:
    def silent(request: Request) -> tuple[Answer, ...]:
        return (Answer(Modality.AUDIO, TOKENS[:0], audio=np.zeros(0, np.float32)),)

    metrics = tts.evaluate(Talker(silent), PACK, 2, 0, SAMPLING, JUDGES).metrics
    assert (metrics["wer"], metrics["mos"]) == (1, 1)
    assert "first_sound_s" not in metrics
    assert "rtf" not in metrics


def test_sounds_of_a_perfect_engine() -> None:
    engine = Talker(perfect())
    measured = sounds.evaluate(engine, PACK, 4, 0, SAMPLING)
    assert (measured.metrics["sound_caption"], measured.metrics["sound_made"]) == (1, 1)
    assert measured.judge == {"num": 4, "true_sounds": 1, "round_trips": 1}
    assert [r.to for r in engine.asked] == [Modality.TEXT] * 4 + [Modality.AUDIO] * 4


def test_sounds_of_an_engine_that_knows_rain_only() -> None:
    def rain(request: Request) -> tuple[Answer, ...]:
        return said("i hear rain.") if request.to is Modality.TEXT else spoken("rain")

    metrics = sounds.evaluate(Talker(rain), PACK, 4, 0, SAMPLING).metrics
    assert (metrics["sound_caption"], metrics["sound_made"]) == (0.5, 0.5)


def test_the_model_was_trained_to_be_asked_like_that() -> None:
    rng = np.random.default_rng(0)
    assert sounds.NAME_IT in {sample_instruction(rng, "name") for _ in range(50)}
    assert sounds.MAKE_IT in {sample_instruction(rng, "sound") for _ in range(50)}


@pytest.mark.parametrize(
    ("what", "suite"),
    [
        ("asr", lambda num: asr.evaluate(Talker(perfect()), PACK, num, 0, SAMPLING, None)),
        ("tts", lambda num: tts.evaluate(Talker(perfect()), PACK, num, 0, SAMPLING, JUDGES)),
        ("sounds", lambda num: sounds.evaluate(Talker(perfect()), PACK, num, 0, SAMPLING)),
    ],
)
@pytest.mark.parametrize("num", [0, 1000])
def test_there_are_only_so_many_clips(what: str, suite: Callable, num: int) -> None:
    with pytest.raises(ValueError, match=f"for {what}, not {num}"):
        suite(num)


def test_every_known_dialogue_is_one_that_is_learned() -> None:
    rng = np.random.default_rng(0)
    for kind in (Kind.SMALL_TALK, Kind.KNOWLEDGE):
        for _ in range(100):
            dialogue = sample_dialogue(rng, kind, test=False)
            assert known_dialogue(dialogue.utterances[0].text) == dialogue
    assert known_dialogue("draw a castle") is None


def test_a_spoken_conversation_has_one_question_of_each_kind() -> None:
    talks = spoken_qa.plan(PACK, 6, seed=0)
    kinds = [tuple(a.dialogue.kind for a in talk) for talk in talks]
    assert all(set(row) == {Kind.SMALL_TALK, Kind.KNOWLEDGE, Kind.ASK} for row in kinds)
    for place in range(3):
        assert len({row[place] for row in kinds}) == 3
    assert {a.clip.sentence for talk in talks for a in talk} >= {"who are you?", "thank you!"}
    assert talks == spoken_qa.plan(PACK, 6, seed=0)


@pytest.mark.parametrize("keep", ["a red heart", "who are you?", "what is a cake?"])
def test_a_pack_without_questions_is_refused(keep: str) -> None:
    few = Pack(tuple(c for c in PACK.clips if c.sentence == keep), PACK.judge)
    with pytest.raises(ValueError, match="make a larger one"):
        spoken_qa.plan(few, 2, seed=0)


def test_spoken_qa_of_a_perfect_engine() -> None:
    engine = Talker(perfect(_known(spoken_qa.plan(PACK, 6, seed=2))))
    measured = spoken_qa.evaluate(engine, PACK, 6, 2, SAMPLING, heard)
    figures = {k: v for k, v in measured.metrics.items() if not k.endswith("_low")}
    assert figures.pop("first_sound_s") > 0
    assert figures.pop("rtf") > 0
    assert measured.judge == {"speech_ceiling": 1.0}
    assert set(figures.values()) == {1.0}
    assert {"spoken_qa_text", "spoken_qa_speech", "spoken_qa_direct"} <= set(figures)
    talked = engine.asked[:18]
    assert all(r.listens and r.aloud for r in talked)
    assert sorted(r.sampling.seed for r in talked) == list(range(2, 20))
    alone = engine.asked[18:]
    assert len(alone) == 12
    assert all(r.to is Modality.TEXT and not r.listens for r in alone)


def test_a_conversation_goes_on_from_what_was_heard_and_answered() -> None:
    talks = spoken_qa.plan(PACK, 1, seed=0)
    engine = Talker(perfect(_known(talks)))
    spoken_qa.converse(engine, talks, SAMPLING)
    first, second, third = engine.asked
    assert [len(r.conversation.turns) for r in engine.asked] == [1, 3, 5]
    question, answer = second.conversation.turns[:2]
    (part,) = question.parts
    assert part.text == talks[0][0].clip.sentence.rstrip("!")
    assert part.audio is talks[0][0].clip.samples
    assert [p.text for p in answer.parts] == [talks[0][0].right_answer]
    assert first.conversation.turns[0].parts[-1].text is None
    assert third.conversation.turns[:3] == (
        *second.conversation.turns[:2],
        third.conversation.turns[2],
    )


def _whatever_it_says(say: str) -> Rule:
    """Right in writing, but always the same aloud."""
    known = _known(spoken_qa.plan(PACK, 3, seed=0))

    def rule(request: Request) -> tuple[Answer, ...]:
        found = perfect(known)(request)
        return (*found[:-1], *spoken(say)) if found[-1].audio is not None else found

    return rule


def test_spoken_qa_of_an_engine_that_mumbles() -> None:
    engine = Talker(_whatever_it_says("mumble"))
    metrics = spoken_qa.evaluate(engine, PACK, 3, 0, SAMPLING, heard).metrics
    assert metrics["spoken_qa_text"] == metrics["spoken_qa_exact"] == 1
    assert metrics["spoken_qa_speech"] == metrics["said_as_written"] == 0


def test_spoken_qa_of_an_engine_that_says_anything() -> None:
    def anything(request: Request) -> tuple[Answer, ...]:
        return (*said("a boat"), *(spoken("a boat") if request.aloud else ()))

    metrics = spoken_qa.evaluate(Talker(anything), PACK, 3, 0, SAMPLING, heard).metrics
    assert metrics["spoken_qa_text_small_talk"] == 1
    assert metrics["spoken_qa_text_knowledge"] == metrics["spoken_qa_exact"] == 0
    assert metrics["spoken_qa_speech"] == metrics["spoken_qa_direct"] == 0
    assert metrics["said_as_written"] == 1


def test_an_engine_without_an_answer_is_wrong_everywhere() -> None:
    metrics = spoken_qa.evaluate(Talker(lambda _: said("")), PACK, 3, 0, SAMPLING, heard).metrics
    assert {v for k, v in metrics.items() if not k.endswith("_high")} == {0.0}


def test_a_picture_that_was_drawn_stays_in_the_conversation() -> None:
    talks = spoken_qa.plan(PACK, 1, seed=0)

    def draws(request: Request) -> tuple[Answer, ...]:
        picture = np.zeros((8, 8, 3), np.uint8)
        return (*said("here"), Answer(Modality.IMAGE, TOKENS, image=picture))

    engine = Talker(draws)
    answers = spoken_qa.converse(engine, talks, SAMPLING)
    drawn = engine.asked[1].conversation.turns[1].parts
    assert [p.modality for p in drawn] == [Modality.TEXT, Modality.IMAGE]
    assert not spoken_qa.judge_turn(talks[0][0], answers[0], heard).text
