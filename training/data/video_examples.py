"""The examples of videos and edits: text -> video, image -> video, video -> text, frame or reversed
video, image and instruction -> image.

Owns: the pools of films and of edits, and these examples. Does not own: pictures and words alone
(`training.data.examples`), what can move or change (`world.video.motion`, `world.edits.edits`).
"""

from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from flow.modality import Modality
from model.prompt_template import Message, Span, layout
from model.tokenizers.image import VisionTokenizer
from model.tokenizers.text import BEGIN_IMAGE, BEGIN_VIDEO
from training.data.code_cache import encode_drawings, encoded
from training.data.examples import UNKNOWN, Example, Examples, with_mentions
from world.edits.edits import Edit
from world.edits.sampling import sample_edit
from world.edits.unnamed_colours import sample_unnamed_edit
from world.image.scenes import Scene
from world.patch_labels import COLOUR, patch_labels, video_patch_labels
from world.sampling import pick
from world.text.dialogue import HERE_YOU_ARE
from world.video.captions import (
    FRAME_REQUESTS,
    REWIND_REQUESTS,
    video_caption,
    video_questions,
    video_request,
)
from world.video.motion import Frame, VideoScene, frames_of, sample_video

T = TypeVar("T")
VIDEO_SEED, EDIT_SEED, UNNAMED_SEED = 31, 32, 33
WISHED_SHARE, SAID_SHARE = 0.7, 0.5
"""The shares of video requests in a sentence, and of those first answered in words."""
AS_DRAWN = 4
"""One video in four starts as an image of its objects; text alone does not say so."""
UNNAMED_SHARE = 0.12
"""The share of edits with a held-out colour that no word names, see
`world.edits.unnamed_colours`."""
DESCRIBED_SHARE, MADE_SHARE = 0.35, 0.1
"""The shares of full descriptions in video questions, and of requests for a part of the video."""


class VideoExamples:
    """Draws examples of videos and edits from pools of codes: videos uint16 "N F L Q", edits before
    and after "M 2 L Q". unnamed: the edits of `sample_unnamed_edit`."""

    def __init__(
        self,
        words: Examples,
        videos: tuple[list[VideoScene], np.ndarray],
        edits: tuple[list[Edit], np.ndarray],
        unnamed: tuple[list[Edit], np.ndarray],
    ) -> None:
        self.words = words
        self.videos, self._video_codes = videos
        self.edits, self._edit_codes = edits
        self.unnamed, self._unnamed_codes = unnamed

    @classmethod
    def build(
        cls, tokenizer: VisionTokenizer, words: Examples, num: tuple[int, int, int], folder: Path
    ) -> "VideoExamples":
        """Build pools of `num` (videos, edits, unnamed edits) of the training stream; codes are
        cached in the folder."""
        videos = [
            sample_video(_rng(VIDEO_SEED, i), test=False, from_image=_starts_as_drawn(i))
            for i in range(num[0])
        ]
        edits = [sample_edit(_rng(EDIT_SEED, i), test=False) for i in range(num[1])]
        unnamed = [sample_unnamed_edit(_rng(UNNAMED_SEED, i)) for i in range(num[2])]
        film_codes = encode_drawings(tokenizer, videos, frames_of, folder / "films.npz")
        edit_codes = encode_drawings(tokenizer, edits, _both, folder / "edits.npz")
        unnamed_codes = encode_drawings(tokenizer, unnamed, _both, folder / "unnamed-edits.npz")
        return cls(words, (videos, film_codes), (edits, edit_codes), (unnamed, unnamed_codes))

    def reencode(self, tokenizer: VisionTokenizer) -> None:
        """Encode all pools with the tokenizer's present weights."""
        self._video_codes = encoded(tokenizer, self.videos, frames_of)
        self._edit_codes = encoded(tokenizer, self.edits, _both)
        self._unnamed_codes = encoded(tokenizer, self.unnamed, _both)

    def video(self, rng: np.random.Generator, *, from_image: bool) -> Example:
        """Draw a request -> its video. from_image: the prompt also has its first frame."""
        place = self.any_video(rng)
        while _starts_as_drawn(place) and not from_image:
            place = self.any_video(rng)
        wish = self._wish(rng, self.videos[place])
        parts = (self._picture(self._video_codes[place, 0]), wish) if from_image else (wish,)
        messages = [Message(True, parts)]
        if rng.random() < SAID_SHARE:
            messages.append(Message(False, (HERE_YOU_ARE,)))
        spans = layout(self.words.tokenizer, messages, opens=Modality.VIDEO)
        shown = self._shown(place)
        given = with_mentions(shown[: self._video_codes.shape[2]], wish) if from_image else None
        return Example(tuple(spans), self.frames(place), shown=shown, given=given)

    def watch(self, rng: np.random.Generator) -> Example:
        """Draw a video and a question -> text; or a request for a frame or the reversed video ->
        the opening marker."""
        place = self.any_video(rng)
        if rng.random() < MADE_SHARE:
            back = rng.random() < 0.5
            wish = pick(rng, REWIND_REQUESTS if back else tuple(FRAME_REQUESTS))
            marker = BEGIN_VIDEO if back else BEGIN_IMAGE
            return self._opened(rng, (self.frames(place), wish), marker)
        first, *others = video_questions(self.videos[place], rng)
        asked = first
        if others and rng.random() > DESCRIBED_SHARE:
            asked = others[int(rng.integers(len(others)))]
        spans = layout(self.words.tokenizer, [Message(True, (self.frames(place), asked.text))])
        answer = self.words.words(self.words.tokenizer.encode(asked.answer), rng)
        given = with_mentions(self._shown(place), asked.text)
        return Example(tuple(spans), answer, given=given)

    def _shown(self, place: int) -> np.ndarray:
        """Return the labels of all patches of a video."""
        return video_patch_labels(self.videos[place], self._video_codes.shape[2])

    def frame(self, rng: np.random.Generator) -> Example:
        """Draw a video and a request for its first or last frame -> the image."""
        place = self.any_video(rng)
        wish, number = pick(rng, tuple(FRAME_REQUESTS.items()))
        return self._made(rng, place, wish, self._picture(self._video_codes[place, number]))

    def rewound(self, rng: np.random.Generator) -> Example:
        """Draw a video -> the reversed video."""
        place = self.any_video(rng)
        backwards = self._whole(self._video_codes[place, ::-1])
        return self._made(rng, place, pick(rng, REWIND_REQUESTS), backwards)

    def _made(self, rng: np.random.Generator, place: int, wish: str, answer: Span) -> Example:
        """Return a request about a video with its image or video answer."""
        messages = [Message(True, (self.frames(place), wish))]
        if rng.random() < SAID_SHARE:
            messages.append(Message(False, (HERE_YOU_ARE,)))
        spans = layout(self.words.tokenizer, messages, opens=answer.modality)
        return Example(tuple(spans), answer)

    def opened(self, rng: np.random.Generator) -> Example:
        """Draw a request for a video -> the opening marker."""
        wish = video_request(rng, video_caption(self.videos[self.any_video(rng)], rng))
        return self._opened(rng, (wish,), BEGIN_VIDEO)

    def edit(self, rng: np.random.Generator) -> Example:
        """Draw an image and an instruction -> the edited image."""
        unnamed = rng.random() < UNNAMED_SHARE
        edits, codes = (
            (self.unnamed, self._unnamed_codes) if unnamed else (self.edits, self._edit_codes)
        )
        place = int(rng.integers(len(edits)))
        edit, (before, after) = edits[place], map(self._picture, codes[place])
        messages = [Message(True, (before, edit.words))]
        if rng.random() < SAID_SHARE:
            messages.append(Message(False, (HERE_YOU_ARE,)))
        spans = layout(self.words.tokenizer, messages, opens=Modality.IMAGE)
        given, shown = (patch_labels(s, len(after.tokens)) for s in (edit.before, edit.after))
        if unnamed:
            given[:, COLOUR] = shown[:, COLOUR] = UNKNOWN
        return Example(tuple(spans), after, shown=shown, given=with_mentions(given, edit.words))

    def changed(self, rng: np.random.Generator) -> Example:
        """Draw an image and an instruction -> the marker that opens the edited image."""
        place = self.any_edit(rng)
        before, _ = self.pictures_of(place)
        return self._opened(rng, (before, self.edits[place].words), BEGIN_IMAGE)

    def _opened(
        self, rng: np.random.Generator, parts: tuple[str | Span, ...], marker: int
    ) -> Example:
        spans = layout(self.words.tokenizer, [Message(True, parts)])
        ids = [*self.words.tokenizer.encode(HERE_YOU_ARE), marker]
        return Example(tuple(spans), self.words.words(ids, rng))

    def _wish(self, rng: np.random.Generator, video: VideoScene) -> str:
        words = video_caption(video, rng)
        return video_request(rng, words) if rng.random() < WISHED_SHARE else words

    def any_video(self, rng: np.random.Generator) -> int:
        """Draw the index of a video."""
        return int(rng.integers(len(self.videos)))

    def any_edit(self, rng: np.random.Generator) -> int:
        """Draw the index of an edit."""
        return int(rng.integers(len(self.edits)))

    def frames(self, place: int) -> Span:
        """Return all codes of a video."""
        return self._whole(self._video_codes[place])

    def pictures_of(self, place: int) -> tuple[Span, Span]:
        """Return the images before and after an edit."""
        before, after = self._edit_codes[place]
        return self._picture(before), self._picture(after)

    def scenes_of(self, place: int) -> tuple[Scene, Scene]:
        """Return the scenes before and after an edit."""
        return self.edits[place].before, self.edits[place].after

    @staticmethod
    def _whole(codes: np.ndarray) -> Span:
        tokens = torch.from_numpy(codes.astype(np.int64)).flatten(0, 1)
        return Span(Modality.VIDEO, tokens)

    @staticmethod
    def _picture(codes: np.ndarray) -> Span:
        return Span(Modality.IMAGE, torch.from_numpy(codes.astype(np.int64)))


def _both(edit: Edit) -> tuple[Frame, Frame]:
    return Frame.of(edit.before), Frame.of(edit.after)


def _starts_as_drawn(place: int) -> bool:
    return place % AS_DRAWN == AS_DRAWN - 1


def _rng(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)
