"""The examples of the flow stage: dialogues turned into batches of one structure, drawn anew for
every step.

Pictures come from a pool of scenes whose codes were computed once by the frozen tokenizer. Owns:
the pool, `Example`, collation, the word vectors of the text metric. Does not own: noise and losses.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from scipy import sparse
from scipy.sparse.linalg import svds
from torch import Tensor

from flow.modality import Modality
from flow.sequence import OmniSequence, Segment
from model.prompt_template import Message, Span, collate_prompts, layout
from model.tokenizers.image import VisionTokenizer
from model.tokenizers.text import BEGIN_IMAGE, EOS, PAD, SUGGEST, TextTokenizer
from training.data.code_cache import encode_drawings, encoded, still
from world.image.edits import sample_edit
from world.image.patches import COLOUR, mentioned, patch_labels
from world.image.scenes import Scene, sample_scene
from world.image.unnamed_colours import FAMILIES, sample_unnamed_scene
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
from world.video.captions import full_video_caption, video_caption
from world.video.motion import sample_video

POOL_SEED, UNNAMED_SEED = 11, 12
UNNAMED_SHARE = 0.08
"""Of the pictures, and of the questions about pictures: those with a held-out colour that the words
do not name, see `world.image.unnamed_colours`."""
UNKNOWN = -1
"""Of a place of an answer of which nothing is known, see `training.objectives.probe_loss`."""
CUT_SHARE = 0.4
"""Share of the answers of several blocks that are cut to fewer."""
TALK_BEFORE_SHARE, TALK_AFTER_SHARE = 0.2, 0.12
"""Of the dialogues without a picture, those that others come before; of those with one, those that
turn to something else."""
TALK = (Kind.SMALL_TALK, Kind.KNOWLEDGE, Kind.OUT_OF_DOMAIN)


class ScenePool:
    """Scenes and their codes, uint16 "N L Q" in memory, cached in a file.

    single_share: the share of draws that is taken from the scenes with one object only, a first
    lesson in which every word can mean but one thing; the other draws are from all scenes.
    """

    def __init__(self, scenes: list[Scene], codes: np.ndarray, single_share: float = 0.0) -> None:
        self.scenes, self.codes, self.single_share = scenes, codes, single_share
        self._single = [s for s in scenes if len(s.items) == 1]
        self._index = {id(s): i for i, s in enumerate(scenes)}

    def draw(self, rng: np.random.Generator) -> Scene:
        among = self._single if rng.random() < self.single_share else self.scenes
        return among[int(rng.integers(len(among)))]

    def picture_of(self, scene: Scene) -> Span:
        """The codes of a scene of this pool."""
        codes = self.codes[self._index[id(scene)]].astype(np.int64)
        return Span(Modality.IMAGE, torch.from_numpy(codes))

    def renew(self, tokenizer: VisionTokenizer) -> None:
        """The codes of the tokenizer as it is now."""
        self.codes = encoded(tokenizer, self.scenes, still)[:, 0]


def build_pool(
    tokenizer: VisionTokenizer, num: int, cache: Path, single_share: float = 0.0
) -> ScenePool:
    """The first `num` scenes of the training stream; codes are read from the cache where it was
    made from the same scenes."""
    scenes = [sample_scene(np.random.default_rng((POOL_SEED, i)), test=False) for i in range(num)]
    codes = encode_drawings(tokenizer, scenes, still, cache)
    return ScenePool(scenes, codes[:, 0], single_share)


def build_unnamed(tokenizer: VisionTokenizer, num: int, cache: Path) -> ScenePool:
    """`num` scenes of `sample_unnamed_scene`."""
    rng = np.random.default_rng(UNNAMED_SEED)
    scenes = [sample_unnamed_scene(rng, FAMILIES[i % len(FAMILIES)]) for i in range(num)]
    codes = encode_drawings(tokenizer, scenes, still, cache)
    return ScenePool(scenes, codes[:, 0])


@dataclass(frozen=True)
class Example:
    """A prompt and its target, int64 "L Q". said: the ids of what is said in the prompt's sound,
    where it is to be written down. shown: what is at each place of the target, int64 "L K", see
    `training.objectives.probe_loss`; given: the same of the first picture, film or sound of the
    prompt, and behind what a place of a picture or a film shows whether the words name it, see
    `with_mentions`. scene: what a target of the picture pools is drawn of."""

    spans: tuple[Span, ...]
    target: Span
    said: tuple[int, ...] = ()
    shown: np.ndarray | None = None
    given: np.ndarray | None = None
    scene: Scene | None = None

    @property
    def length(self) -> int:
        """Positions, prompt and target."""
        return sum(len(s.tokens) for s in (*self.spans, self.target))


@dataclass(frozen=True)
class Batch:
    """Examples of one structure: the clean sequence (the response segment last) and a weight "B L"
    for each of its positions. said, shown, given, scenes: of each example, see there; None where
    all have none. kept: int64 "B P", the positions that enter the backbone; None: all. stays: bool
    "B L", of a changed picture the positions of the answer that are as before; None elsewhere."""

    sequence: OmniSequence
    weight: Tensor
    said: tuple[tuple[int, ...], ...] = ()
    kept: Tensor | None = None
    shown: Tensor | None = None
    given: Tensor | None = None
    scenes: tuple[Scene | None, ...] = ()
    stays: Tensor | None = None


class Examples:
    """Draws examples of each kind from the world, with the pool's pictures."""

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
        """A wish -> its picture. Half of the wishes were answered by words first."""
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
        """The second wish of a conversation -> its picture, with the first one in sight."""
        dialogue = self._dialogue(rng, Kind.FOLLOW_UP, lambda d: d.utterances[-1].scene is not None)
        last = dialogue.utterances[-1]
        messages = [*self._messages(dialogue.utterances[:-1]), Message(False, (last.text,))]
        spans = layout(self.tokenizer, messages, opens=Modality.IMAGE)
        assert last.scene is not None
        picture = self.pool.picture_of(last.scene)
        shown = self._shown(last.scene, self.pool)
        return Example(tuple(spans), picture, shown=shown, scene=last.scene)

    def answer(self, rng: np.random.Generator, kind: Kind) -> Example:
        """A dialogue -> the words of its answer, with the marker that opens a picture or offers
        examples."""
        utterances = self._dialogue(rng, kind, lambda _: True).utterances
        if rng.random() < TALK_BEFORE_SHARE:
            utterances = (*self._talk(rng), *utterances)
        return self._answer(utterances, rng)

    def answer_about_picture(self, rng: np.random.Generator) -> Example:
        """A dialogue whose prompt shows exactly one picture -> the words of its answer."""
        if rng.random() < TALK_AFTER_SHARE:
            kind = Kind.ASK if rng.random() < 0.5 else Kind.DRAW
            shown = self._dialogue(rng, kind, lambda _: True).utterances
            return self._answer((*shown, *self._talk(rng)), rng)
        if self.unnamed is not None and rng.random() < UNNAMED_SHARE:
            return self._about_unnamed(self.unnamed, rng)
        kind = Kind.ASK if rng.random() < 0.7 else Kind.FOLLOW_UP
        return self._answer(self._dialogue(rng, kind, _shows_one_picture).utterances, rng)

    def _about_unnamed(self, unnamed: ScenePool, rng: np.random.Generator) -> Example:
        """A question about a picture with a held-out colour, in words that name no colour."""
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
        """What is at each patch of a picture; held-out colours are named to nobody."""
        facts = patch_labels(scene, pool.codes.shape[1])
        if pool is self.unnamed:
            facts[:, COLOUR] = UNKNOWN
        return facts

    def _talk(self, rng: np.random.Generator) -> tuple[Utterance, ...]:
        kind = TALK[int(rng.integers(len(TALK)))]
        return self._dialogue(rng, kind, lambda _: True).utterances

    def _answer(self, utterances: Sequence[Utterance], rng: np.random.Generator) -> Example:
        """As many blocks as the words need; some that need more than one are cut to fewer, so that
        a block without an end is known as such."""
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
        """The ids of an answer with its end, in blocks; sometimes cut to fewer of them."""
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
        """A dialogue over the pool's scenes."""
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
    """What places show "L 3" -> the same, and whether the words name it, "L 4": 1 or 0, `UNKNOWN`
    where there is no thing. Where the words name none that is there it is unknown everywhere, or,
    with absent, 0: they are known to name a thing."""
    found = mentioned(facts, words)
    known = (facts[:, 0] > 0) & (absent or found.any())
    asked = np.where(known, found, UNKNOWN)
    return np.concatenate([facts, asked[:, None]], 1)


def _colourless(scene: Scene) -> Scene:
    """What can be said of a scene but for the colours of its objects."""
    return replace(scene, items=tuple(replace(item, colour=None) for item in scene.items))


def _names_no_colour(question: Question) -> bool:
    """Whether neither the question nor its answer names the colour of an object."""
    where = question.kind == "position" and question.text.startswith("where")
    return where or question.kind in ("count", "yes_no")


def _shows_one_picture(dialogue: Dialogue) -> bool:
    return sum(u.scene is not None for u in dialogue.utterances[:-1]) == 1


def collate(examples: Sequence[Example], device: torch.device) -> Batch:
    """Examples with the same modalities in the same order, padded on the right of each text
    span."""
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
    """int64 "B length K", `UNKNOWN` behind the end of a shorter one and where one is missing; None
    where all are."""
    kinds = next((x.shape[1] for x in each if x is not None), 0)
    found = np.full((len(each), length, kinds), UNKNOWN)
    for row, facts in zip(found, each, strict=True):
        if facts is not None:
            row[: len(facts)] = facts
    return torch.from_numpy(found).to(device) if kinds else None


def at(values: Tensor, places: Tensor) -> Tensor:
    """values "B L Q" at the places "B N" -> "B N Q"."""
    return values.gather(1, places[..., None].expand(-1, -1, values.shape[-1]))


def _weights(target: Segment) -> Tensor:
    """1 everywhere, but little on the padding after a text's end and nothing behind its blocks."""
    weight = target.valid.float()
    if target.modality is Modality.TEXT:
        weight = torch.where(target.valid & (target.tokens[..., 0] == PAD), 0.1, weight)
    return weight


def training_texts(num: int) -> list[str]:
    """Utterances of `num` training dialogues of each kind, and as many words about films and
    changes of pictures: what the text tokenizer and its metric are made from."""
    rng = np.random.default_rng(3)
    dialogues = [sample_dialogue(rng, kind, test=False) for kind in Kind for _ in range(num)]
    films = [sample_video(rng, test=False) for _ in range(num)]
    said = [u.text for d in dialogues for u in d.utterances]
    said += [text for f in films for text in (full_video_caption(f), video_caption(f, rng))]
    return said + [sample_edit(rng, test=False).words for _ in range(num)]


def word_vectors(tokenizer: TextTokenizer, texts: Sequence[str], dim: int) -> Tensor:
    """Unit vectors "V dim" in which neighbours are tokens that can stand in each other's place.

    Positive pointwise mutual information of each token with the tokens one and two places to its
    left and right (each place apart), then a truncated singular value decomposition. Rows that the
    texts never use get fixed random directions.
    """
    vocabulary, reach = tokenizer.cardinality, (-2, -1, 1, 2)
    shape = (vocabulary, vocabulary * len(reach))
    pairs: dict[tuple[int, int], int] = {}
    for text in texts:
        ids = [PAD, PAD, *tokenizer.encode(text), EOS, PAD]
        for i in range(2, len(ids) - 1):
            for k, shift in enumerate(reach):
                if i + shift < len(ids):
                    key = (ids[i], k * vocabulary + ids[i + shift])
                    pairs[key] = pairs.get(key, 0) + 1
    rows, columns = zip(*pairs, strict=True)
    counts = sparse.coo_matrix((list(pairs.values()), (rows, columns)), shape, dtype=np.float64)
    total, by_row, by_column = (
        counts.sum(),
        np.asarray(counts.sum(1)).ravel(),
        np.asarray(counts.sum(0)).ravel(),
    )
    information = np.log(counts.data * total / (by_row[counts.row] * by_column[counts.col]))
    positive = sparse.csr_matrix(
        (np.maximum(information, 0), (counts.row, counts.col)), counts.shape
    )
    left, scale, _ = svds(positive, k=dim, rng=np.random.default_rng(0))
    assert left is not None
    vectors = left * np.sqrt(scale)
    vectors = vectors + 1e-3 * np.random.default_rng(5).normal(size=vectors.shape)
    return torch.from_numpy(vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).float()
