"""Spoken conversations of three questions: small talk, a simple fact, and one about an image; each
is transcribed and answered in text and speech.

Text answers are judged as in `evaluation.suites.chat`. Owns: the conversations and the verdict on
speech.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from tqdm import tqdm

from engine.api.conversation import Conversation, Part, Turn
from engine.api.events import Answer
from engine.api.request import Request
from engine.api.sampling import Sampling
from evaluation.answers import generate_answers, plain, record_verdicts, seeded, text_of
from evaluation.judges.speech_judges import Listen
from evaluation.judges.word_error_rate import word_error_rate
from evaluation.pack import Pack
from evaluation.result import Measurement, share, share_metrics
from evaluation.speech_client import MOST_STREAMED, SpeechEngine, audio_of, latency_metrics
from evaluation.suites import chat
from flow.modality import Modality
from world.audio.speech import Clip
from world.image.rendering import render
from world.image.scenes import sample_scene
from world.text.captions import questions
from world.text.dialogue import Dialogue, Kind, Utterance, known_dialogue
from world.text.spelling import normalised_words

KNOWN = (Kind.SMALL_TALK, Kind.KNOWLEDGE)
TURNS = 3
MOST_ERRORS = 0.3
"""The largest word error rate at which speech counts as the text."""
MOST_SCENES = 2000
"""The most scenes sampled in search of a question that a clip of the pack asks."""
Answers = tuple[Answer, ...]


@dataclass(frozen=True)
class SpokenQuestion:
    """A clip of the pack as a question, and the dialogue that it begins, right answer and all."""

    clip: Clip
    dialogue: Dialogue

    @property
    def right_answer(self) -> str:
        return self.dialogue.utterances[-1].text


@dataclass(frozen=True)
class Verdict:
    """The verdict on an answer. text: its words are right, by the rules of
    `evaluation.suites.chat`; for small talk any words are. exact: they are the right answer, word
    for word. speech: a judge hears the right answer; as_written: it hears what was written."""

    kind: Kind
    text: bool
    exact: bool
    speech: bool
    as_written: bool


def evaluate(
    engine: SpeechEngine, pack: Pack, num: int, seed: int, sampling: Sampling, listen: Listen
) -> Measurement:
    """Return shares in [0, 1] of the turns of num conversations of three turns each, see `Verdict`.

    spoken_qa_text, spoken_qa_exact, spoken_qa_speech and said_as_written, the first and third with
    their 95 percent intervals; spoken_qa_text_small_talk, _knowledge, _asked: of each kind.
    spoken_qa_direct, with its interval: the questions without a picture, each asked alone, whose
    exact answer comes from the sound itself, without a transcript. first_sound_s: median time from
    the end of such a question, answered aloud, to its first sound, hearing and thinking included;
    rtf: seconds of computing a second of sound. Judge: speech_ceiling, the share of the questions
    themselves that it hears.
    Raises ValueError where num is below 1 or the pack lacks a kind of question.

    """
    talks = plan(pack, num, seed)
    sampling = replace(sampling, seed=seed)
    rows = [asked for talk in talks for asked in talk]
    answers = converse(engine, talks, sampling)
    pairs = zip(tqdm(rows, desc="judge"), answers, strict=True)
    verdicts = [judge_turn(asked, found, listen) for asked, found in pairs]
    for place in range(TURNS):
        record_verdicts(engine, turn(place), (v.text for v in verdicts[place::TURNS]))
    clips = [asked.clip for asked in rows]
    understood = share(same_words(listen(c.samples), c.sentence) for c in clips)
    found = {
        **figures(verdicts),
        **direct(engine, rows, sampling),
        **answered(engine, rows, sampling),
    }
    return Measurement(found, {"speech_ceiling": understood})


def plan(pack: Pack, num: int, seed: int) -> list[tuple[SpokenQuestion, ...]]:
    """Sample num conversations of one question of each kind; every kind comes first, second and
    third in turn. The pictures are of held-out scenes."""
    if num < 1:
        raise ValueError(f"--num must be at least 1, not {num}")
    rng = np.random.default_rng(seed)
    known = [
        SpokenQuestion(c, d) for c in pack.spoken if (d := known_dialogue(c.sentence)) is not None
    ]
    by_kind = {k: [a for a in known if a.dialogue.kind is k] for k in KNOWN}
    if not all(by_kind.values()):
        raise _lacking("small talk or simple facts")
    orders = {k: rng.permutation(len(among)) for k, among in by_kind.items()}
    talks: list[tuple[SpokenQuestion, ...]] = []
    for i in range(num):
        talk = [by_kind[k][int(order[i % len(order)])] for k, order in orders.items()]
        talk.append(_about_a_picture(pack.spoken, rng))
        start = i % TURNS
        talks.append((*talk[start:], *talk[:start]))
    return talks


def _about_a_picture(spoken: Sequence[Clip], rng: np.random.Generator) -> SpokenQuestion:
    """Sample a held-out scene with a clip that asks about it."""
    clips = {c.sentence: c for c in spoken}
    for _ in range(MOST_SCENES):
        scene = sample_scene(rng, test=True)
        options = [q for q in questions(scene, rng) if q.text in clips]
        if options:
            q = options[int(rng.integers(len(options)))]
            said = Utterance("user", q.text, scene=scene), Utterance("assistant", q.answer)
            return SpokenQuestion(clips[q.text], Dialogue(Kind.ASK, said))
    raise _lacking("questions about pictures")


def _lacking(what: str) -> ValueError:
    return ValueError(f"the pack has no {what}: make a larger one with python -m evaluation pack")


def converse(
    engine: SpeechEngine, talks: Sequence[tuple[SpokenQuestion, ...]], sampling: Sampling
) -> list[Answers]:
    """Return the answers to all turns, talk by talk, without transcripts. Each turn is speech
    alone: the engine transcribes it and continues from its own transcripts and answers."""
    histories: list[tuple[Turn, ...]] = [() for _ in talks]
    answers: list[list[Answers]] = [[] for _ in talks]
    for place in range(TURNS):
        asked = [
            Conversation((*history, question_turn(talk[place])))
            for history, talk in zip(histories, talks, strict=True)
        ]
        requests = [
            Request(c, None, seeded(sampling, TURNS * i + place), aloud=True)
            for i, c in enumerate(asked)
        ]
        for i, found in enumerate(generate_answers(engine, requests, turn(place))):
            said = " ".join(a.text or "" for a in found if a.heard)
            answers[i].append(tuple(a for a in found if not a.heard))
            histories[i] = (*asked[i].worded(said).turns, _answer(answers[i][-1]))
    return [found for talk in answers for found in talk]


def turn(place: int) -> str:
    """Return the group name of the turns at a place, from 0."""
    return f"turn {place + 1}"


def question_turn(asked: SpokenQuestion) -> Turn:
    """Return the spoken question, with the image that it is about."""
    scene = asked.dialogue.utterances[0].scene
    picture = () if scene is None else (Part(image=render(scene)),)
    return Turn("user", (*picture, Part(audio=asked.clip.samples)))


def _answer(answers: Answers) -> Turn:
    said = [Part(text=a.text) for a in answers if a.text is not None]
    drawn = [Part(image=a.image) for a in answers if a.image is not None]
    return Turn("assistant", (*said, *drawn))


def judge_turn(asked: SpokenQuestion, answers: Answers, listen: Listen) -> Verdict:
    """Judge one answer as text and as speech."""
    heard, written = listen(audio_of(answers)), text_of(answers)
    return Verdict(
        asked.dialogue.kind,
        text=chat.judge_answer(asked.dialogue, answers).right,
        exact=written == plain(asked.right_answer),
        speech=same_words(heard, asked.right_answer),
        as_written=bool(normalised_words(written)) and same_words(heard, written),
    )


def same_words(heard: str, wanted: str) -> bool:
    """Return whether the word error rate is at most `MOST_ERRORS`."""
    return word_error_rate([heard], [wanted]) <= MOST_ERRORS


def figures(verdicts: Sequence[Verdict]) -> dict[str, float]:
    """Return the metrics of verdicts with at least one of each kind."""
    names = {Kind.SMALL_TALK: "small_talk", Kind.KNOWLEDGE: "knowledge", Kind.ASK: "asked"}
    return {
        **share_metrics("spoken_qa_text", (v.text for v in verdicts)),
        **{
            f"spoken_qa_text_{name}": share(v.text for v in verdicts if v.kind is kind)
            for kind, name in names.items()
        },
        "spoken_qa_exact": share(v.exact for v in verdicts),
        **share_metrics("spoken_qa_speech", (v.speech for v in verdicts)),
        "said_as_written": share(v.as_written for v in verdicts),
    }


def direct(
    engine: SpeechEngine, rows: Sequence[SpokenQuestion], sampling: Sampling
) -> dict[str, float]:
    """Return the share of questions without an image that are answered from audio alone: a request
    for text skips the transcript."""
    alone = [asked for asked in rows if asked.dialogue.kind is not Kind.ASK]
    requests = [
        Request(Conversation.ask("", audio=asked.clip.samples), Modality.TEXT, seeded(sampling, i))
        for i, asked in enumerate(alone)
    ]
    found = [text_of(answers) for answers in generate_answers(engine, requests, "direct")]
    right = [f == plain(a.right_answer) for f, a in zip(found, alone, strict=True)]
    record_verdicts(engine, "direct", right)
    return share_metrics("spoken_qa_direct", right)


def answered(
    engine: SpeechEngine, rows: Sequence[SpokenQuestion], sampling: Sampling
) -> dict[str, float]:
    """Measure the latency of spoken answers to the first questions without an image."""
    alone = [asked for asked in rows if asked.dialogue.kind is not Kind.ASK][:MOST_STREAMED]
    requests = [
        Request(Conversation((question_turn(a),)), None, seeded(sampling, i), aloud=True)
        for i, a in enumerate(alone)
    ]
    return latency_metrics(engine, requests)
