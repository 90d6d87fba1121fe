"""The any-to-any cells: input and output modalities, request, judge, and the training task of each.

The one place that lists the expected abilities. A cell whose task a checkpoint was not trained on,
or that no task covers, is not measured. Owns: `Cell`, `CELLS`. Does not own: the coverage of tasks
(`engine.prompt.task_coverage`), the items of a cell (`evaluation.suites.cells_image`,
`evaluation.suites.cells_audio`, `evaluation.suites.cells_video`), asking and counting
(`evaluation.suites.any_to_any`).
"""

from collections.abc import Callable
from dataclasses import dataclass

from engine.prompt.task_coverage import no_lesson
from evaluation.requirements import INSTALL, NOT_JUDGED, NOT_TRAINED, Requirement
from evaluation.suites import cells_audio, cells_image, cells_video
from evaluation.suites.cell_item import Item, Material
from flow.modality import Modality


@dataclass(frozen=True)
class Cell:
    """One cell. request: in words. judge: its criterion. task: the task of `training` that covers
    it; two with " + " between where text is the intermediate step, each trained alone. plan:
    samples its items. needs: required abilities. heard: the judge needs a recogniser. untaught: the
    reason why no task covers it, see `engine.prompt.task_coverage`; such a cell has a request
    only."""

    name: str
    request: str
    judge: str = ""
    task: str = ""
    plan: Callable[[Material], list[Item]] | None = None
    needs: tuple[Requirement, ...] = ()
    heard: bool = False
    untaught: str = ""

    @property
    def by_words(self) -> bool:
        """Return whether text is an intermediate step."""
        return " + " in self.task

    def missing(self, has: frozenset[Requirement], *, listens: bool) -> str | None:
        """Return the reason why it is not measured, beginning with `NOT_TRAINED` or `NOT_JUDGED`,
        or None.

        has: abilities of the checkpoint. listens: a recogniser is installed.


        """
        lacks = [str(need) for need in self.needs if need not in has]
        if self.untaught or lacks:
            return f"{NOT_TRAINED}: {self.untaught or lacks[0]}"
        if self.heard and not listens:
            return f"{NOT_JUDGED}: {INSTALL}"
        return None


_SOUND, _VIDEO = (Requirement.SOUND,), (Requirement.VIDEO,)
_VIDEO_OUT = (Requirement.VIDEO, Requirement.VIDEO_GENERATION)
_PARSER = "scene parser"
_FILM = "video parser"
_EXACT = "the right answer, word for word"
_LISTENER = "whisper tiny.en hears it, at most 30% of the words wrong"

CELLS: tuple[Cell, ...] = (
    Cell(
        "text_to_text", "a simple fact, or a request out of domain",
        "the fact word for word; out of domain, an offer of examples",
        "data.examples.Examples.answer", cells_image.facts,
    ),
    Cell(
        "text_to_image", "draw this", f"{_PARSER}, GenEval's rules",
        "data.examples.Examples.picture", cells_image.drawings,
    ),
    Cell(
        "text_to_audio", "say this", _LISTENER,
        "data.speech.examples.SpeechExamples.speak",
        cells_audio.sayings, _SOUND, heard=True,
    ),
    Cell(
        "text_to_video", "a video of this", f"{_FILM}: the motion and the movers",
        "data.video_examples.VideoExamples.video", cells_video.films, _VIDEO_OUT,
    ),
    Cell(
        "image_to_text", "what is it, how many, which colour?",
        "the objects by name; the number or the colour",
        "data.examples.Examples.answer_about_picture", cells_image.questions,
    ),
    Cell(
        "image_to_image", "move it, make it bigger, remove it",
        f"{_PARSER}: done, and all else kept",
        "data.video_examples.VideoExamples.edit", cells_image.rearranged, _VIDEO,
    ),
    Cell(
        "image_to_audio", "what do you see? answered aloud", _LISTENER,
        "data.examples.Examples.answer_about_picture + data.speech.examples.SpeechExamples.speak",
        cells_audio.described_aloud, _SOUND, heard=True,
    ),
    Cell(
        "image_to_video", "let what is there move",
        f"{_FILM}: begins with the picture, goes on as asked",
        "data.video_examples.VideoExamples.video", cells_video.animated, _VIDEO_OUT,
    ),
    Cell(
        "audio_to_text", "write down what i say", "at most 30% of the words wrong",
        "data.speech.examples.SpeechExamples.hear", cells_audio.transcripts, _SOUND,
    ),
    Cell(
        "audio_to_image", "a spoken request", f"{_PARSER}: all that was said, and nothing else",
        "data.speech.examples.SpeechExamples.hear + data.examples.Examples.picture",
        cells_audio.spoken_wishes, _SOUND,
    ),
    Cell(
        "audio_to_audio", "a spoken question, answered aloud", _LISTENER,
        "data.speech.examples.SpeechExamples.hear + data.speech.examples.SpeechExamples.speak",
        cells_audio.spoken_questions, _SOUND, heard=True,
    ),
    Cell(
        "audio_to_video", "a spoken request for a video",
        untaught=no_lesson({Modality.AUDIO}, Modality.VIDEO),
    ),
    Cell(
        "video_to_text", "what happens, what moves, which way, how many?",
        "the objects by name where they are asked for, else word for word",
        "data.video_examples.VideoExamples.watch", cells_video.questions, _VIDEO,
    ),
    Cell(
        "video_to_image", "its first or last frame", f"{_PARSER}: the same at the same places",
        "data.video_examples.VideoExamples.frame", cells_video.frames, _VIDEO,
    ),
    Cell(
        "video_to_audio", "what happens? answered aloud", _LISTENER,
        "data.video_examples.VideoExamples.watch + data.speech.examples.SpeechExamples.speak",
        cells_audio.told_aloud, (*_VIDEO, *_SOUND), heard=True,
    ),
    Cell(
        "video_to_video", "play it backwards", f"{_FILM}, from the end to the beginning",
        "data.video_examples.VideoExamples.rewound",
        cells_video.rewound, _VIDEO_OUT,
    ),
    Cell(
        "image_and_text_to_image", "change this in it", f"{_PARSER}: done, and all else kept",
        "data.video_examples.VideoExamples.edit", cells_image.changed, _VIDEO,
    ),
    Cell(
        "image_and_text_to_video", "let this appear in it",
        f"{_FILM}: begins with the picture, goes on as asked",
        "data.video_examples.VideoExamples.video", cells_video.appearing, _VIDEO_OUT,
    ),
    Cell(
        "image_and_sound_to_text", "is what you hear in the picture?", _EXACT,
        "data.multimodal_examples.audio_visual", cells_audio.together, (*_SOUND, *_VIDEO),
    ),
    Cell(
        "image_and_speech_to_text", "a spoken question about a picture", _EXACT,
        "data.speech.examples.SpeechExamples.hear + data.examples.Examples.answer_about_picture",
        cells_audio.spoken_about_pictures, _SOUND,
    ),
    Cell(
        "image_and_speech_to_image", "a spoken change of a picture",
        untaught=no_lesson({Modality.IMAGE, Modality.AUDIO}, Modality.IMAGE),
    ),
    Cell(
        "sound_to_text", "what do you hear?", _EXACT,
        "data.speech.examples.SpeechExamples.hear", cells_audio.named_sounds, _SOUND,
    ),
    Cell(
        "text_to_sound", "the sound of this", "judge of sounds: the nearest known one",
        "data.speech.examples.SpeechExamples.speak", cells_audio.made_sounds, _SOUND,
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
"""The cells; the first 16 are text, image, audio and video to each."""
