"""The cells of the matrix: from what to what, how each is asked for, who judges it, and which
lesson of the training teaches it.

The one place that says what the model can be expected to do. A cell whose lesson a checkpoint did
not have, or that no lesson teaches, is not measured. Owns: `Cell`, `CELLS`. Does not
own: which steps are taught (`engine.prompt.task_coverage`), the items of a cell
(`evaluation.suites.cells_image`, `evaluation.suites.cells_audio`, `evaluation.suites.cells_video`),
asking and counting (`evaluation.suites.any_to_any`).
"""

from collections.abc import Callable
from dataclasses import dataclass

from engine.prompt.task_coverage import no_lesson
from evaluation.requirements import INSTALL, NOT_JUDGED, NOT_TRAINED, Needs
from evaluation.suites import cells_audio, cells_image, cells_video
from evaluation.suites.cell_item import Item, Material
from flow.modality import Modality


@dataclass(frozen=True)
class Cell:
    """One cell. wish: what is asked for. judge: who says what is right, and when. lesson: of
    `training`, where the model learns it; two with " + " between where it goes by words, each step
    learned alone. plan: its items. needs: see there. heard: whether the judge must listen.
    untaught: why no lesson teaches it, see `engine.prompt.task_coverage`; it has nothing but a wish
    then."""

    name: str
    wish: str
    judge: str = ""
    lesson: str = ""
    plan: Callable[[Material], list[Item]] | None = None
    needs: tuple[Needs, ...] = ()
    heard: bool = False
    untaught: str = ""

    @property
    def by_words(self) -> bool:
        """Whether words come in between."""
        return " + " in self.lesson

    def missing(self, has: frozenset[Needs], *, listens: bool) -> str | None:
        """Why it is not measured, beginning with `NOT_TRAINED` or `NOT_JUDGED`; None where it is.

        has: what the checkpoint has learned. listens: whether there is somebody who hears.
        """
        lacks = [str(need) for need in self.needs if need not in has]
        if self.untaught or lacks:
            return f"{NOT_TRAINED}: {self.untaught or lacks[0]}"
        if self.heard and not listens:
            return f"{NOT_JUDGED}: {INSTALL}"
        return None


_PARSER = "scene parser"
_FILM = "film parser"
_EXACT = "the right answer, word for word"
_LISTENER = "whisper tiny.en hears it, at most 30% of the words wrong"

CELLS: tuple[Cell, ...] = (
    Cell(
        "text_to_text", "a simple fact, or a wish that lies outside",
        "the fact word for word; outside, an offer of what lies inside",
        "data.examples.Examples.answer", cells_image.facts,
    ),
    Cell(
        "text_to_image", "draw this", f"{_PARSER}, GenEval's rules",
        "data.examples.Examples.picture", cells_image.drawings,
    ),
    Cell(
        "text_to_audio", "say this", _LISTENER,
        "data.speech_examples.SpeechExamples.speak",
        cells_audio.sayings, (Needs.SOUND,), heard=True,
    ),
    Cell(
        "text_to_video", "a film of this", f"{_FILM}: the motion and the movers",
        "data.video_examples.VideoExamples.film", cells_video.films, (Needs.FILMS, Needs.MAKING),
    ),
    Cell(
        "image_to_text", "what is it, how many, which colour?",
        "the things by name; the number or the colour",
        "data.examples.Examples.answer_about_picture", cells_image.questions,
    ),
    Cell(
        "image_to_image", "move it, make it bigger, remove it",
        f"{_PARSER}: done, and all else kept",
        "data.video_examples.VideoExamples.edit", cells_image.rearranged, (Needs.FILMS,),
    ),
    Cell(
        "image_to_audio", "what do you see? answered aloud", _LISTENER,
        "data.examples.Examples.answer_about_picture + data.speech_examples.SpeechExamples.speak",
        cells_audio.described_aloud, (Needs.SOUND,), heard=True,
    ),
    Cell(
        "image_to_video", "let what is there move",
        f"{_FILM}: begins with the picture, goes on as asked",
        "data.video_examples.VideoExamples.film", cells_video.animated, (Needs.FILMS, Needs.MAKING),
    ),
    Cell(
        "audio_to_text", "write down what i say", "at most 30% of the words wrong",
        "data.speech_examples.SpeechExamples.hear", cells_audio.transcripts, (Needs.SOUND,),
    ),
    Cell(
        "audio_to_image", "a spoken wish", f"{_PARSER}: all that was said, and nothing else",
        "data.speech_examples.SpeechExamples.hear + data.examples.Examples.picture",
        cells_audio.spoken_wishes, (Needs.SOUND,),
    ),
    Cell(
        "audio_to_audio", "a spoken question, answered aloud", _LISTENER,
        "data.speech_examples.SpeechExamples.hear + data.speech_examples.SpeechExamples.speak",
        cells_audio.spoken_questions, (Needs.SOUND,), heard=True,
    ),
    Cell(
        "audio_to_video", "a spoken wish for a film",
        untaught=no_lesson({Modality.AUDIO}, Modality.VIDEO),
    ),
    Cell(
        "video_to_text", "what happens, what moves, which way, how many?",
        "the things by name where they are asked for, else word for word",
        "data.video_examples.VideoExamples.watch", cells_video.questions, (Needs.FILMS,),
    ),
    Cell(
        "video_to_image", "its first or last frame", f"{_PARSER}: the same at the same places",
        "data.video_examples.VideoExamples.frame", cells_video.frames, (Needs.FILMS,),
    ),
    Cell(
        "video_to_audio", "what happens? answered aloud", _LISTENER,
        "data.video_examples.VideoExamples.watch + data.speech_examples.SpeechExamples.speak",
        cells_audio.told_aloud, (Needs.FILMS, Needs.SOUND), heard=True,
    ),
    Cell(
        "video_to_video", "play it backwards", f"{_FILM}, from the end to the beginning",
        "data.video_examples.VideoExamples.rewound",
        cells_video.rewound, (Needs.FILMS, Needs.MAKING),
    ),
    Cell(
        "image_and_text_to_image", "change this in it", f"{_PARSER}: done, and all else kept",
        "data.video_examples.VideoExamples.edit", cells_image.changed, (Needs.FILMS,),
    ),
    Cell(
        "image_and_text_to_video", "let this appear in it",
        f"{_FILM}: begins with the picture, goes on as asked",
        "data.video_examples.VideoExamples.film",
        cells_video.appearing, (Needs.FILMS, Needs.MAKING),
    ),
    Cell(
        "image_and_sound_to_text", "is what you hear in the picture?", _EXACT,
        "data.multimodal_examples.together", cells_audio.together, (Needs.SOUND, Needs.FILMS),
    ),
    Cell(
        "image_and_speech_to_text", "a spoken question about a picture", _EXACT,
        "data.speech_examples.SpeechExamples.hear + data.examples.Examples.answer_about_picture",
        cells_audio.spoken_about_pictures, (Needs.SOUND,),
    ),
    Cell(
        "image_and_speech_to_image", "a spoken change of a picture",
        untaught=no_lesson({Modality.IMAGE, Modality.AUDIO}, Modality.IMAGE),
    ),
    Cell(
        "sound_to_text", "what do you hear?", _EXACT,
        "data.speech_examples.SpeechExamples.hear", cells_audio.named_sounds, (Needs.SOUND,),
    ),
    Cell(
        "text_to_sound", "the sound of this", "judge of sounds: the nearest known one",
        "data.speech_examples.SpeechExamples.speak", cells_audio.made_sounds, (Needs.SOUND,),
    ),
    Cell(
        "sound_to_image", "draw what you hear",
        untaught=no_lesson({Modality.AUDIO}, Modality.IMAGE),
    ),
    Cell(
        "image_to_sound", "what does it sound like?",
        untaught=no_lesson({Modality.IMAGE}, Modality.AUDIO),
    ),
)  # fmt: skip
"""All cells; the first 16 are each of text, picture, sound and film to each."""
