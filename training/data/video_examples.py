"""The examples of films and of changed pictures: words -> a film, a picture that begins to move, a
film -> words, one of its frames or itself backwards, a picture and what to change -> the picture
after.

Owns: the pools of films and of edits, and these examples. Does not own: pictures and words alone
(`training.data.examples`), what can move or change (`world.video.motion`, `world.image.edits`).
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
from world.image.edits import Edit, sample_edit
from world.image.patches import COLOUR, patch_labels, video_patch_labels
from world.image.scenes import Scene, render
from world.image.unnamed_colours import sample_unnamed_edit
from world.sampling import pick
from world.text.dialogue import HERE_YOU_ARE
from world.video.captions import (
    FRAME_REQUESTS,
    REWIND_REQUESTS,
    video_caption,
    video_questions,
    video_request,
)
from world.video.motion import VideoScene, render_video, sample_video

T = TypeVar("T")
FILM_SEED, EDIT_SEED, UNNAMED_SEED = 31, 32, 33
WISHED_SHARE, SAID_SHARE = 0.7, 0.5
"""Of wishes for a film: those in a sentence, and those that were answered by words first."""
AS_DRAWN = 4
"""One film in so many starts as a picture of its objects would be; words alone do not say so."""
UNNAMED_SHARE = 0.12
"""Of the pictures that are changed: those with a held-out colour that the words do not name, see
`world.image.unnamed_colours`."""
DESCRIBED_SHARE, MADE_SHARE = 0.35, 0.1
"""Of the questions about a film: what happens in it. Of what is said about one: wishes."""


class VideoExamples:
    """Draws examples of films and of edits from pools whose codes were computed once: of each film
    uint16 "N F L Q", of each edit the picture before and after "M 2 L Q". unnamed: the edits of
    `sample_unnamed_edit`."""

    def __init__(
        self,
        words: Examples,
        films: tuple[list[VideoScene], np.ndarray],
        edits: tuple[list[Edit], np.ndarray],
        unnamed: tuple[list[Edit], np.ndarray],
    ) -> None:
        self.words = words
        self.films, self._film_codes = films
        self.edits, self._edit_codes = edits
        self.unnamed, self._unnamed_codes = unnamed

    @classmethod
    def build(
        cls, tokenizer: VisionTokenizer, words: Examples, num: tuple[int, int, int], folder: Path
    ) -> "VideoExamples":
        """So many films, edits and unnamed edits of the training stream; codes are kept in the
        folder."""
        films = [
            sample_video(_rng(FILM_SEED, i), test=False, begun=_starts_as_drawn(i))
            for i in range(num[0])
        ]
        edits = [sample_edit(_rng(EDIT_SEED, i), test=False) for i in range(num[1])]
        unnamed = [sample_unnamed_edit(_rng(UNNAMED_SEED, i)) for i in range(num[2])]
        film_codes = encode_drawings(tokenizer, films, render_video, folder / "films.npz")
        edit_codes = encode_drawings(tokenizer, edits, _both, folder / "edits.npz")
        unnamed_codes = encode_drawings(tokenizer, unnamed, _both, folder / "unnamed-edits.npz")
        return cls(words, (films, film_codes), (edits, edit_codes), (unnamed, unnamed_codes))

    def renew(self, tokenizer: VisionTokenizer) -> None:
        """The codes of the tokenizer as it is now."""
        self._film_codes = encoded(tokenizer, self.films, render_video)
        self._edit_codes = encoded(tokenizer, self.edits, _both)
        self._unnamed_codes = encoded(tokenizer, self.unnamed, _both)

    def film(self, rng: np.random.Generator, *, begun: bool) -> Example:
        """A wish -> its film. begun: its first frame comes before the words."""
        place = self.any_film(rng)
        while _starts_as_drawn(place) and not begun:
            place = self.any_film(rng)
        wish = self._wish(rng, self.films[place])
        parts = (self._picture(self._film_codes[place, 0]), wish) if begun else (wish,)
        messages = [Message(True, parts)]
        if rng.random() < SAID_SHARE:
            messages.append(Message(False, (HERE_YOU_ARE,)))
        spans = layout(self.words.tokenizer, messages, opens=Modality.VIDEO)
        shown = self._shown(place)
        given = with_mentions(shown[: self._film_codes.shape[2]], wish) if begun else None
        return Example(tuple(spans), self.frames(place), shown=shown, given=given)

    def watch(self, rng: np.random.Generator) -> Example:
        """A film and a question -> the words of its answer; or a wish for a part of it, or for
        all of it backwards -> words and the marker that opens it."""
        place = self.any_film(rng)
        if rng.random() < MADE_SHARE:
            back = rng.random() < 0.5
            wish = pick(rng, REWIND_REQUESTS if back else tuple(FRAME_REQUESTS))
            marker = BEGIN_VIDEO if back else BEGIN_IMAGE
            return self._opened(rng, (self.frames(place), wish), marker)
        first, *others = video_questions(self.films[place], rng)
        asked = first
        if others and rng.random() > DESCRIBED_SHARE:
            asked = others[int(rng.integers(len(others)))]
        spans = layout(self.words.tokenizer, [Message(True, (self.frames(place), asked.text))])
        answer = self.words.words(self.words.tokenizer.encode(asked.answer), rng)
        given = with_mentions(self._shown(place), asked.text)
        return Example(tuple(spans), answer, given=given)

    def _shown(self, place: int) -> np.ndarray:
        """What every place of the frames of a film shows."""
        return video_patch_labels(self.films[place], self._film_codes.shape[2])

    def frame(self, rng: np.random.Generator) -> Example:
        """A film and a wish for its first or last frame -> the picture."""
        place = self.any_film(rng)
        wish, number = pick(rng, tuple(FRAME_REQUESTS.items()))
        return self._made(rng, place, wish, self._picture(self._film_codes[place, number]))

    def rewound(self, rng: np.random.Generator) -> Example:
        """A film -> the same from its end to its beginning."""
        place = self.any_film(rng)
        backwards = self._whole(self._film_codes[place, ::-1])
        return self._made(rng, place, pick(rng, REWIND_REQUESTS), backwards)

    def _made(self, rng: np.random.Generator, place: int, wish: str, answer: Span) -> Example:
        """An answer of pictures to a wish about a film."""
        messages = [Message(True, (self.frames(place), wish))]
        if rng.random() < SAID_SHARE:
            messages.append(Message(False, (HERE_YOU_ARE,)))
        spans = layout(self.words.tokenizer, messages, opens=answer.modality)
        return Example(tuple(spans), answer)

    def opened(self, rng: np.random.Generator) -> Example:
        """A wish for a film -> words and the marker that opens it."""
        wish = video_request(rng, video_caption(self.films[self.any_film(rng)], rng))
        return self._opened(rng, (wish,), BEGIN_VIDEO)

    def edit(self, rng: np.random.Generator) -> Example:
        """A picture and what to change -> the picture after."""
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
        """A picture and what to change -> words and the marker that opens the picture after."""
        place = self.any_edit(rng)
        before, _ = self.pictures_of(place)
        return self._opened(rng, (before, self.edits[place].words), BEGIN_IMAGE)

    def _opened(
        self, rng: np.random.Generator, parts: tuple[str | Span, ...], marker: int
    ) -> Example:
        spans = layout(self.words.tokenizer, [Message(True, parts)])
        ids = [*self.words.tokenizer.encode(HERE_YOU_ARE), marker]
        return Example(tuple(spans), self.words.words(ids, rng))

    def _wish(self, rng: np.random.Generator, film: VideoScene) -> str:
        words = video_caption(film, rng)
        return video_request(rng, words) if rng.random() < WISHED_SHARE else words

    def any_film(self, rng: np.random.Generator) -> int:
        """The place of a film of the pool."""
        return int(rng.integers(len(self.films)))

    def any_edit(self, rng: np.random.Generator) -> int:
        """The place of an edit of the pool."""
        return int(rng.integers(len(self.edits)))

    def frames(self, place: int) -> Span:
        """A film of the pool."""
        return self._whole(self._film_codes[place])

    def pictures_of(self, place: int) -> tuple[Span, Span]:
        """The pictures before and after an edit."""
        before, after = self._edit_codes[place]
        return self._picture(before), self._picture(after)

    def scenes_of(self, place: int) -> tuple[Scene, Scene]:
        """The scenes before and after an edit."""
        return self.edits[place].before, self.edits[place].after

    @staticmethod
    def _whole(codes: np.ndarray) -> Span:
        tokens = torch.from_numpy(codes.astype(np.int64)).flatten(0, 1)
        return Span(Modality.VIDEO, tokens)

    @staticmethod
    def _picture(codes: np.ndarray) -> Span:
        return Span(Modality.IMAGE, torch.from_numpy(codes.astype(np.int64)))


def _both(edit: Edit) -> np.ndarray:
    return np.stack([render(edit.before), render(edit.after)])


def _starts_as_drawn(place: int) -> bool:
    return place % AS_DRAWN == AS_DRAWN - 1


def _rng(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)
