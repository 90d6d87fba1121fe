"""The examples of the flow stage: dialogues turned into batches of one structure, drawn anew for
every step.

Pictures come from a pool of scenes whose codes were computed once by the frozen tokenizer. Owns:
the pool, `Example`, collation, the word vectors of the text metric. Does not own: noise and losses.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from flow.modality import Modality
from flow.sequence import OmniSequence, Segment
from model.prompt_template import Message, Span, collate_prompts, layout
from model.tokenizers.text import BEGIN_IMAGE, EOS, PAD, SUGGEST, TextTokenizer
from training.data.scene_pool import ScenePool
from world.image.scenes import Scene
from world.patch_labels import COLOUR, mentioned, patch_labels
from world.sampling import pick
from world.text.captions import Question, caption, questions
from world.text.dialogue import (
    HERE_YOU_ARE,
    Dialogue,
    Kind,
    Utterance,
    image_request,
    sample_dialogue,
)

UNNAMED_SHARE = 0.08
"""The share of images and image questions with a held-out colour that no word names, see
`world.edits.unnamed_colours`."""
UNKNOWN = -1
"""The label of a position about which nothing is known, see `training.objectives.probe_loss`."""
CUT_SHARE = 0.4
"""The share of multi-block answers that are cut to fewer blocks."""
TALK_BEFORE_SHARE, TALK_AFTER_SHARE = 0.2, 0.12
"""The share of text dialogues preceded by another one, and of image dialogues followed by one on
another subject."""
TALK_KINDS = (Kind.SMALL_TALK, Kind.KNOWLEDGE, Kind.OUT_OF_DOMAIN)


@dataclass(frozen=True)
class Example:
    """A prompt and its target span, int64 "L Q". said: the ids of the prompt's transcript, for CTC.
    shown: labels of the target's positions, int64 "L K" (`training.objectives.probe_loss`); given:
    the same of the first image, video or sound of the prompt, with a last column from
    `with_mentions`. scene: the graph of a target image."""

    spans: tuple[Span, ...]
    target: Span
    said: tuple[int, ...] = ()
    shown: np.ndarray | None = None
    given: np.ndarray | None = None
    scene: Scene | None = None

    @property
    def length(self) -> int:
        """Return the number of positions of prompt and target."""
        return sum(len(s.tokens) for s in (*self.spans, self.target))


@dataclass(frozen=True)
class Batch:
    """Examples of one structure: the clean sequence, the response segment last, and a weight "B L"
    of its positions. said, shown, given, scenes: of each example, None where all lack them. kept:
    int64 "B P", the positions that enter the backbone, None for all. stays: bool "B L", the
    unchanged positions of an edited image, None elsewhere."""

    sequence: OmniSequence
    weight: Tensor
    said: tuple[tuple[int, ...], ...] = ()
    kept: Tensor | None = None
    shown: Tensor | None = None
    given: Tensor | None = None
    scenes: tuple[Scene | None, ...] = ()
    stays: Tensor | None = None


class Examples:
    """Draws text and image examples from the world, with the pool's images."""

    def __init__(
        self,
        pool: ScenePool,
        tokenizer: TextTokenizer,
        text_block: int,
        text_blocks: int = 1,
        unnamed: ScenePool | None = None,
    ) -> None:
        self.pool, self.tokenizer, self.unnamed = pool, tokenizer, unnamed
        self.text_block, self.text_blocks = text_block, text_blocks

    def picture(self, rng: np.random.Generator) -> Example:
        """Draw a request and its image; half of the requests were first answered in words."""
        pool = self.pool
        if self.unnamed is not None and rng.random() < UNNAMED_SHARE:
            pool = self.unnamed
        scene = pool.draw(rng)
        said = caption(scene if pool is self.pool else _colourless(scene), rng)
        words = said if rng.random() < 0.4 else image_request(rng, said)
        messages = [Message(True, (words,))]
        if rng.random() < 0.5:
            messages.append(Message(False, (HERE_YOU_ARE,)))
        spans = layout(self.tokenizer, messages, opens=Modality.IMAGE)
        shown = self._shown(scene, pool)
        return Example(tuple(spans), pool.picture_of(scene), shown=shown, scene=scene)

    def next_picture(self, rng: np.random.Generator) -> Example:
        """Draw the second request of a conversation and its image."""
        dialogue = self._dialogue(rng, Kind.FOLLOW_UP, lambda d: d.utterances[-1].scene is not None)
        last = dialogue.utterances[-1]
        messages = [*self._messages(dialogue.utterances[:-1]), Message(False, (last.text,))]
        spans = layout(self.tokenizer, messages, opens=Modality.IMAGE)
        assert last.scene is not None
        picture = self.pool.picture_of(last.scene)
        shown = self._shown(last.scene, self.pool)
        return Example(tuple(spans), picture, shown=shown, scene=last.scene)

    def answer(self, rng: np.random.Generator, kind: Kind) -> Example:
        """Draw a dialogue and the words of its answer, with the marker that opens an image or
        offers examples."""
        utterances = self._dialogue(rng, kind, lambda _: True).utterances
        if rng.random() < TALK_BEFORE_SHARE:
            utterances = (*self._talk(rng), *utterances)
        return self._answer(utterances, rng)

    def answer_about_picture(self, rng: np.random.Generator) -> Example:
        """Draw a dialogue with exactly one image in the prompt and the words of its answer."""
        if rng.random() < TALK_AFTER_SHARE:
            kind = Kind.ASK if rng.random() < 0.5 else Kind.DRAW
            shown = self._dialogue(rng, kind, lambda _: True).utterances
            return self._answer((*shown, *self._talk(rng)), rng)
        if self.unnamed is not None and rng.random() < UNNAMED_SHARE:
            return self._about_unnamed(self.unnamed, rng)
        kind = Kind.ASK if rng.random() < 0.7 else Kind.FOLLOW_UP
        return self._answer(self._dialogue(rng, kind, _shows_one_picture).utterances, rng)

    def _about_unnamed(self, unnamed: ScenePool, rng: np.random.Generator) -> Example:
        """Draw a question about an image with a held-out colour, in words that name no colour."""
        while True:
            scene = unnamed.draw(rng)
            asked = [q for q in questions(scene, rng) if _names_no_colour(q)]
            if asked:
                break
        question = pick(rng, asked)
        message = Message(True, (unnamed.picture_of(scene), question.text))
        answer = self.words(self.tokenizer.encode(question.answer), rng)
        spans = layout(self.tokenizer, [message])
        given = with_mentions(self._shown(scene, unnamed), question.text)
        return Example(tuple(spans), answer, given=given)

    def _shown(self, scene: Scene, pool: ScenePool) -> np.ndarray:
        """Return the labels "L 3" of an image's patches; held-out colours are `UNKNOWN`."""
        facts = patch_labels(scene, pool.codes.shape[1])
        if pool is self.unnamed:
            facts[:, COLOUR] = UNKNOWN
        return facts

    def _talk(self, rng: np.random.Generator) -> tuple[Utterance, ...]:
        kind = TALK_KINDS[int(rng.integers(len(TALK_KINDS)))]
        return self._dialogue(rng, kind, lambda _: True).utterances

    def _answer(self, utterances: Sequence[Utterance], rng: np.random.Generator) -> Example:
        """Return an answer with as many blocks as it needs; some are cut, so that the model learns
        blocks without an end."""
        spans = layout(self.tokenizer, self._messages(utterances[:-1]))
        last = utterances[-1]
        ids = self.tokenizer.encode(last.text)
        if last.scene is not None:
            ids.append(BEGIN_IMAGE)
        if last.suggest:
            ids.append(SUGGEST)
        seen = [u.scene for u in utterances[:-1] if u.scene is not None]
        given = (
            with_mentions(self._shown(seen[0], self.pool), utterances[-2].text) if seen else None
        )
        return Example(tuple(spans), self.words(ids, rng), given=given)

    def words(self, ids: Sequence[int], rng: np.random.Generator) -> Span:
        """Pad the ids of an answer and its end to whole blocks; sometimes cut to fewer."""
        ended = [*ids, EOS][: self.text_block * self.text_blocks]
        blocks = -(-len(ended) // self.text_block)
        if blocks > 1 and rng.random() < CUT_SHARE:
            blocks = int(rng.integers(1, blocks))
        length = blocks * self.text_block
        padded = ended[:length] + [PAD] * (length - len(ended))
        return Span(Modality.TEXT, torch.tensor(padded)[:, None])

    def _dialogue(
        self, rng: np.random.Generator, kind: Kind, wanted: Callable[[Dialogue], bool]
    ) -> Dialogue:
        """Draw a dialogue over the pool's scenes that `wanted` accepts."""
        while True:
            dialogue = sample_dialogue(rng, kind, test=False, scenes=self.pool.draw)
            if wanted(dialogue):
                return dialogue

    def _messages(self, utterances: Sequence[Utterance]) -> list[Message]:
        return [self._message(u) for u in utterances]

    def _message(self, utterance: Utterance) -> Message:
        from_user = utterance.role == "user"
        if utterance.scene is None:
            return Message(from_user, (utterance.text,))
        seen = self.pool.picture_of(utterance.scene)
        return Message(from_user, (seen, utterance.text) if from_user else (utterance.text, seen))


def with_mentions(facts: np.ndarray, words: str, *, absent: bool = False) -> np.ndarray:
    """Append to patch labels "L 3" whether the words name the object: 1, 0, or `UNKNOWN` on the
    background. Where the words name no object in the image all are `UNKNOWN`, or 0 with
    absent=True."""
    found = mentioned(facts, words)
    known = (facts[:, 0] > 0) & (absent or found.any())
    asked = np.where(known, found, UNKNOWN)
    return np.concatenate([facts, asked[:, None]], 1)


def _colourless(scene: Scene) -> Scene:
    """Return the scene without the colours of its objects."""
    return replace(scene, items=tuple(replace(item, colour=None) for item in scene.items))


def _names_no_colour(question: Question) -> bool:
    """Return whether neither question nor answer names an object's colour."""
    where = question.kind == "position" and question.text.startswith("where")
    return where or question.kind in ("count", "yes_no")


def _shows_one_picture(dialogue: Dialogue) -> bool:
    return sum(u.scene is not None for u in dialogue.utterances[:-1]) == 1


def collate(examples: Sequence[Example], device: torch.device) -> Batch:
    """Batch examples with the same modalities in the same order; text spans are padded on the
    right."""
    prompts = collate_prompts([e.spans for e in examples], device)
    (target,) = collate_prompts([(e.target,) for e in examples], device)
    target = replace(target, editable=torch.ones_like(target.valid))
    said = tuple(e.said for e in examples)
    shown = _shown([e.shown for e in examples], target.length, device)
    media = next((s for s in prompts if s.modality is not Modality.TEXT), target)
    given = _shown([e.given for e in examples], media.length, device)
    scenes = tuple(e.scene for e in examples)
    sequence = OmniSequence((*prompts, target))
    return Batch(sequence, _weights(target), said, shown=shown, given=given, scenes=scenes)


def _shown(each: Sequence[np.ndarray | None], length: int, device: torch.device) -> Tensor | None:
    """Stack labels to int64 "B length K", padded with `UNKNOWN`; None where all are missing."""
    kinds = next((x.shape[1] for x in each if x is not None), 0)
    found = np.full((len(each), length, kinds), UNKNOWN)
    for row, facts in zip(found, each, strict=True):
        if facts is not None:
            row[: len(facts)] = facts
    return torch.from_numpy(found).to(device) if kinds else None


def at(values: Tensor, places: Tensor) -> Tensor:
    """Gather values "B L Q" at positions "B N" -> "B N Q"."""
    return values.gather(1, places[..., None].expand(-1, -1, values.shape[-1]))


def _weights(target: Segment) -> Tensor:
    """Return weights "B L": 1, 0.1 on the padding after a text's end, 0 on invalid positions."""
    weight = target.valid.float()
    if target.modality is Modality.TEXT:
        weight = torch.where(target.valid & (target.tokens[..., 0] == PAD), 0.1, weight)
    return weight
