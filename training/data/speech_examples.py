"""The examples of hearing and speaking: clips of the corpus as codes, in conversations.

Hearing: a sound -> words (what was said, what it is, the answer to a spoken question). Speaking:
words -> the next block of a sound, whose earlier blocks are in sight. Owns: the pool of clips and
these examples. Does not own: pictures and words alone (`training.data.examples`), the corpus
(`world.audio.speech`).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from flow.modality import Modality
from model.layers.time_embedding import RESTARTS
from model.prompt_template import Message, Span, layout
from model.tokenizers.audio import POSITION, AudioTokenizer
from model.tokenizers.image import VisionTokenizer
from model.tokenizers.text import BEGIN_AUDIO, NUM_MARKERS, PAD, SUGGEST, TextTokenizer
from training.data.code_cache import encode_drawings, encoded, still
from training.data.encoded_clip import EncodedClip
from training.data.examples import UNKNOWN, Example, Examples
from training.data.forced_alignment import align, spelled
from training.data.spliced_sentences import Splicer
from world.audio.sounds import SOUND
from world.audio.speech import Clip, scene_of
from world.audio.voices import BULK_VOICES, OUTPUT_VOICE
from world.image.scenes import Scene
from world.sampling import pick
from world.text.audio_visual_questions import AUDIO_VISUAL_SOUNDS
from world.text.captions import full_caption
from world.text.dialogue import Dialogue, Kind, sample_dialogue
from world.text.sentences import sample_instruction, say_prefixes, sound_answer, transcript

SAID_SHARE, SOUND_SHARE = 0.75, 0.15
"""Of what is heard: sentences to write down, and sounds to name; the rest is answered."""
SPOKEN_SOUND_SHARE = 0.15
BATCH = 16
OWN_SHARE, FLAT_SHARE = 0.65, 0.15
"""Of the sentences that are spoken: those of the output voice, and of quick voices in bulk. The
codes say little of who speaks, so what the others say is a lesson too."""
SPLICED_SHARE = 0.6
"""Of the sentences in the output voice: those that are put together from two."""
SLIPS_SHARE, LONGEST_SLIP, A_SLIP_IN = 0.3, 8, 12
"""Of the sounds that go on: those that did not begin as they should, so that the words are followed
and not what was said of them. Positions of the longest slip; at most one in so many."""
RARE = 20
"""So many times that a piece of a word is said weigh as much as how many letters it has."""
QUICK_VOICES = frozenset(BULK_VOICES)
ANSWERED_KINDS = (Kind.SMALL_TALK, Kind.KNOWLEDGE, Kind.OUT_OF_DOMAIN)


@dataclass(frozen=True)
class Told:
    """A clip and the scene that it describes or wishes for: all that can be said of it, and its
    picture."""

    heard: EncodedClip
    scene: Scene
    key: str
    picture: Span


def told_scenes(
    tokenizer: VisionTokenizer, clips: Sequence[Clip], heard: Sequence[EncodedClip], cache: Path
) -> list[Told]:
    """The clips that speak of a scene; heard: the same clips as codes. The codes of the pictures
    are kept in a file."""
    pairs = [(h, scene) for c, h in zip(clips, heard, strict=True) if (scene := scene_of(c))]
    if not pairs:
        return []
    codes = encode_drawings(tokenizer, [s for _, s in pairs], still, cache)
    pictures = map(_picture, codes)
    return [Told(h, s, full_caption(s), p) for (h, s), p in zip(pairs, pictures, strict=True)]


def _picture(codes: np.ndarray) -> Span:
    """The codes "1 L Q" of a scene."""
    return Span(Modality.IMAGE, torch.from_numpy(codes[0].astype(np.int64)))


def encode_clips(
    tokenizer: AudioTokenizer, clips: Sequence[Clip], cache: Path
) -> list[EncodedClip]:
    """The clips as codes. They are kept in a file, each for these weights and its sentence and
    sound, so that a corpus that grows is not encoded anew."""
    weights = blake2b(digest_size=16)
    for tensor in tokenizer.state_dict().values():
        weights.update(tensor.cpu().numpy().tobytes())
    marks = [_mark(weights.digest(), clip) for clip in clips]
    known: dict[str, np.ndarray] = {}
    if cache.exists():
        kept = np.load(cache)
        if "marks" in kept:
            parts = np.split(kept["codes"], kept["ends"][:-1])
            known = dict(zip(kept["marks"].tolist(), parts, strict=True))
    missing = [i for i, mark in enumerate(marks) if mark not in known]
    if missing:
        found = _encoded(tokenizer, [clips[i] for i in missing])
        known |= dict(zip((marks[i] for i in missing), found, strict=True))
        parts = [known[mark] for mark in marks]
        cache.parent.mkdir(parents=True, exist_ok=True)
        ends = np.cumsum([len(p) for p in parts])
        np.savez(cache, codes=np.concatenate(parts), ends=ends, marks=np.array(marks))
    pairs = zip(clips, marks, strict=True)
    return [EncodedClip(clip.sentence, clip.voice, known[mark]) for clip, mark in pairs]


def _mark(weights: bytes, clip: Clip) -> str:
    """Of a clip, for these weights."""
    mark = blake2b(weights, digest_size=16)
    mark.update(f"{clip.name}|{clip.sentence}|{clip.voice}|".encode())
    mark.update(clip.samples.tobytes())
    return mark.hexdigest()


def _encoded(tokenizer: AudioTokenizer, clips: Sequence[Clip]) -> list[np.ndarray]:
    """Codes of each clip; those of one length share a batch, so that each is as if it were
    alone."""
    device = next(tokenizer.parameters()).device
    alike: defaultdict[int, list[int]] = defaultdict(list)
    for i, clip in enumerate(clips):
        alike[-(-len(clip.samples) // POSITION)].append(i)
    batches = [rows[i : i + BATCH] for rows in alike.values() for i in range(0, len(rows), BATCH)]
    found: dict[int, np.ndarray] = {}
    for rows in tqdm(batches, desc="codes", mininterval=5):
        whole = [np.pad(s, (0, -len(s) % POSITION)) for s in (clips[i].samples for i in rows)]
        with torch.inference_mode():
            codes = tokenizer.encode(torch.from_numpy(np.stack(whole)).to(device))
        found |= dict(zip(rows, codes.cpu().numpy().astype(np.uint16), strict=True))
    return [found[i] for i in range(len(clips))]


def with_letters(
    heard: Sequence[EncodedClip], tokenizer: TextTokenizer, cardinality: int
) -> list[EncodedClip]:
    """The clips with what is said at each of their positions, where they speak."""
    spoken = [i for i, h in enumerate(heard) if h.voice != SOUND]
    found = align(
        [heard[i].sentence for i in spoken], [heard[i].codes for i in spoken], cardinality
    )
    known = list(heard)
    for i, path in zip(spoken, found, strict=True):
        known[i] = replace(heard[i], said=spelled(heard[i].sentence, path, tokenizer), path=path)
    return known


def durations(heard: Sequence[EncodedClip], tokenizer: TextTokenizer) -> torch.Tensor:
    """For `model.layers.time_embedding.TimeEmbedding`: float "V+1", how many positions each piece
    of a word takes, with the silence behind it, in clips whose letters are known; by its letters
    where hardly any says it."""
    num = tokenizer.cardinality
    lasted, times = np.zeros(num), np.zeros(num)
    for clip in heard:
        if clip.said is None or clip.voice == SOUND:
            continue
        pieces = clip.said[:, 0]
        last = np.maximum.accumulate(np.where(pieces != PAD, np.arange(len(pieces)), -1))
        np.add.at(lasted, pieces[last[last >= 0]], 1)
        np.add.at(times, tokenizer.encode(transcript(clip.sentence)), 1)
    letters = np.array([sum(map(str.isalnum, p)) for p in tokenizer.pieces(range(num))])
    a_letter = lasted.sum() / max((times * letters).sum(), 1)
    found = (lasted + RARE * letters * a_letter) / (times + RARE)
    found[:NUM_MARKERS] = RESTARTS
    found[[tokenizer.encode(words)[-1] for words in say_prefixes()]] = RESTARTS
    mean = lasted.sum() / max(times.sum(), 1)
    return torch.from_numpy(np.append(found, mean)).float()


class SpeechExamples:
    """Draws examples of hearing and of speaking. end: the code behind the last one of a sound.
    block, blocks: positions of a block of sound, and the most blocks. told: those that speak of a
    scene."""

    def __init__(
        self,
        heard: Sequence[EncodedClip],
        words: Examples,
        *,
        end: int,
        block: int,
        blocks: int,
        told: Sequence[Told] = (),
    ) -> None:
        self.told = told
        self.words, self.end, self.block, self.blocks = words, end, block, blocks
        self.sounds = [h for h in heard if h.voice == SOUND]
        known = {clip.sentence for clip in self.sounds}
        self.drawable = tuple(words for words in AUDIO_VISUAL_SOUNDS if words in known)
        self.spoken = [h for h in heard if h.voice != SOUND]
        self.own = [h for h in self.spoken if h.voice == OUTPUT_VOICE]
        self.quick = [h for h in self.spoken if h.voice in QUICK_VOICES]
        self.others = [
            h for h in self.spoken if h.voice != OUTPUT_VOICE and h.voice not in QUICK_VOICES
        ]
        if not (self.sounds and any(len(h.codes) >= block for h in self.own)):
            raise ValueError("the speech corpus has no sounds, or nothing long in the output voice")
        self.splicer = Splicer(self.own, words.tokenizer, block * blocks - 1)
        self._by_sentence: defaultdict[str, list[EncodedClip]] = defaultdict(list)
        for clip in self.spoken:
            self._by_sentence[transcript(clip.sentence)].append(clip)

    def renew(self, tokenizer: VisionTokenizer) -> None:
        """The codes of the told scenes from the picture tokenizer as it is now."""
        if self.told:
            codes = encoded(tokenizer, [t.scene for t in self.told], still)
            pairs = zip(self.told, map(_picture, codes), strict=True)
            self.told = [replace(t, picture=picture) for t, picture in pairs]

    def hear(self, rng: np.random.Generator) -> Example:
        """A sound -> words."""
        roll = rng.random()
        if roll < SAID_SHARE:
            clip = pick(rng, self.spoken)
            found = self._answer(rng, clip, "write", transcript(clip.sentence))
            said = tuple(self.words.tokenizer.encode(transcript(clip.sentence)))
            return replace(found, said=said, given=_said(clip, 0, len(clip.codes)))
        if roll < SAID_SHARE + SOUND_SHARE:
            clip = pick(rng, self.sounds)
            found = self._answer(rng, clip, "name", sound_answer(clip.sentence))
            return replace(found, given=_said(clip, 0, len(clip.codes)))
        dialogue, clip = self._spoken_dialogue(rng)
        last = dialogue.utterances[-1]
        ids = self.words.tokenizer.encode(last.text)
        if last.suggest:
            ids.append(SUGGEST)
        given = _said(clip, 0, len(clip.codes))
        return replace(self._example(rng, (clip.span(),), ids), given=given)

    def speak(self, rng: np.random.Generator, *, first: bool) -> Example:
        """Words -> the first block of a sound, or a later one; the last one holds its end."""
        while True:
            clip = self._spoken(rng)
            blocks = min(len(clip.codes) // self.block + 1, self.blocks)
            if first or blocks > 1:
                break
        block = 0 if first else int(rng.integers(1, blocks))
        begun = slips(rng, block * self.block) if block and rng.random() < SLIPS_SHARE else None
        return self.block_of(clip, self.asked(rng, clip), block, begun)

    def recite(self, rng: np.random.Generator) -> Example:
        """Words -> all of a sound and its end at once, for the causal view."""
        clip = self._spoken(rng)
        spans = layout(self.words.tokenizer, self.asked(rng, clip), opens=Modality.AUDIO)
        codes = clip.span().tokens[: self.block * self.blocks]
        ended = torch.cat([codes, torch.full((1, codes.shape[1]), self.end)])
        said = _said(clip, 0, len(ended))
        return Example(tuple(spans), Span(Modality.AUDIO, ended), shown=said)

    def opened(self, rng: np.random.Generator) -> Example:
        """A wish for something to be said or for a sound -> the marker that opens it."""
        clip = pick(rng, self._pool(rng))
        (wished,) = self.asked(rng, clip, aloud=False)
        spans = layout(self.words.tokenizer, [wished])
        return Example(tuple(spans), self.words.words([BEGIN_AUDIO], rng))

    def _spoken(self, rng: np.random.Generator) -> EncodedClip:
        """What is spoken next."""
        pool = self._pool(rng)
        spliced = pool is self.own and rng.random() < SPLICED_SHARE
        return (self.splicer.draw(rng) if spliced else None) or pick(rng, pool)

    def _pool(self, rng: np.random.Generator) -> list[EncodedClip]:
        """Of what is spoken next."""
        if rng.random() < SPOKEN_SOUND_SHARE:
            return self.sounds
        roll = rng.random()
        pool = self.own
        if roll > OWN_SHARE:
            pool = self.quick if roll > 1 - FLAT_SHARE else self.others
        long_enough = any(len(h.codes) >= self.block for h in pool)
        return pool if long_enough else self.own

    def asked(
        self, rng: np.random.Generator, clip: EncodedClip, *, aloud: bool = True
    ) -> list[Message]:
        """A wish for the clip; with aloud at times a conversation whose answer is said aloud."""
        task = "say"
        if clip.voice == SOUND:
            task = "sound"
        elif clip.voice != OUTPUT_VOICE:
            task = "say_flatly" if clip.voice in QUICK_VOICES else "say_otherwise"
        if not aloud or task != "say" or rng.random() < 0.5:
            return [Message(True, (sample_instruction(rng, task).format(clip.sentence),))]
        question = pick(rng, self.spoken).sentence
        return [Message(True, (question,)), Message(False, (clip.sentence,))]

    def block_of(
        self,
        clip: EncodedClip,
        messages: Sequence[Message],
        block: int,
        begun: np.ndarray | None = None,
    ) -> Example:
        """One block of a clip after the blocks before it; begun: which positions of the clip stand
        there, see `slips`; the right ones where it is None."""
        codes = clip.span().tokens
        start = block * self.block
        target = codes[start : start + self.block]
        missing = self.block - len(target)
        ended = torch.full((missing, codes.shape[1]), self.end)
        before = np.arange(start) if begun is None else begun
        spans = layout(
            self.words.tokenizer,
            messages,
            opens=Modality.AUDIO,
            begun=codes[before] if block else None,
        )
        answer = Span(Modality.AUDIO, torch.cat([target, ended]))
        said = _said(clip, start, self.block)
        given = _said(clip, 0, start)[before] if block else None
        return Example(tuple(spans), answer, shown=said, given=given)

    def _answer(self, rng: np.random.Generator, clip: EncodedClip, task: str, text: str) -> Example:
        asked = sample_instruction(rng, task)
        return self._example(rng, (clip.span(), asked), self.words.tokenizer.encode(text))

    def _example(
        self, rng: np.random.Generator, parts: tuple[str | Span, ...], ids: Sequence[int]
    ) -> Example:
        spans = layout(self.words.tokenizer, [Message(True, parts)])
        return Example(tuple(spans), self.words.words(ids, rng))

    def _spoken_dialogue(self, rng: np.random.Generator) -> tuple[Dialogue, EncodedClip]:
        """A dialogue without a picture whose question is among the clips."""
        while True:
            kind = ANSWERED_KINDS[int(rng.choice(3, p=(0.45, 0.4, 0.15)))]
            dialogue = sample_dialogue(rng, kind, test=False)
            clips = self._by_sentence.get(transcript(dialogue.utterances[0].text))
            if clips:
                return dialogue, pick(rng, clips)


def slips(rng: np.random.Generator, length: int) -> np.ndarray:
    """Which position stands at each of so many, int64 "L": its own, but for runs from elsewhere."""
    found = np.arange(length)
    for _ in range(int(rng.integers(1, 2 + length // A_SLIP_IN))):
        long = int(rng.integers(1, min(LONGEST_SLIP, length) + 1))
        at, of = rng.integers(length - long + 1, size=2)
        found[at : at + long] = np.arange(of, of + long)
    return found


def _said(clip: EncodedClip, start: int, length: int) -> np.ndarray:
    """What is said in a part of a clip, silence behind its end; int64 "length 2"."""
    if clip.said is None:
        return np.full((length, 2), UNKNOWN)
    part = clip.said[start : start + length]
    return np.concatenate([part, np.tile([PAD, 0], (length - len(part), 1))])
