"""The examples of hearing and speaking: clips of the corpus as codes, in conversations.

Hearing: a sound -> words (what was said, what it is, the answer to a spoken question). Speaking:
words -> the next block of a sound, whose earlier blocks are in sight. Owns: the pool of clips and
these examples. Does not own: pictures and words alone (`training.data.examples`), the corpus
(`world.audio.speech`).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from flow.modality import Modality
from model.prompt_template import Message, Span, layout
from model.tokenizers.image import VisionTokenizer
from model.tokenizers.text import BEGIN_AUDIO, PAD, SUGGEST
from training.data.code_cache import encoded, still
from training.data.examples import UNKNOWN, Example, Examples
from training.data.speech.clip_codes import SpokenScene, image_span
from training.data.speech.encoded_clip import EncodedClip
from training.data.speech.spliced_sentences import SentenceSplicer
from world.audio.audio_visual_questions import AUDIO_VISUAL_SOUNDS
from world.audio.sounds import SOUND
from world.audio.voices import BULK_VOICES, OUTPUT_VOICE
from world.sampling import pick
from world.text.dialogue import Dialogue, Kind, sample_dialogue
from world.text.sentences import sample_instruction, sound_answer, transcript

SAID_SHARE, SOUND_SHARE = 0.75, 0.15
"""The shares of transcripts and of sound names in hearing; the rest are spoken questions."""
SPOKEN_SOUND_SHARE = 0.15
OWN_SHARE, FLAT_SHARE = 0.65, 0.15
"""The shares of the output voice and of bulk voices in speaking. Codes carry little of the speaker,
so other voices train speech too."""
SPLICED_SHARE = 0.6
"""The share of spliced sentences in the output voice."""
PREFIX_NOISE_SHARE, MAX_NOISE_RUN, POSITIONS_A_RUN = 0.3, 8, 12
"""The share of continued clips with a wrong prefix, so that the model follows the text; the longest
wrong run in positions; positions for each run."""
QUICK_VOICES = frozenset(BULK_VOICES)
ANSWERED_KINDS = (Kind.SMALL_TALK, Kind.KNOWLEDGE, Kind.OUT_OF_DOMAIN)


class SpeechExamples:
    """Draws examples of hearing and speaking. end: the code after the last one of a clip. block:
    positions of a block; blocks: the most blocks of a clip. spoken_scenes: the clips about a
    scene."""

    def __init__(
        self,
        heard: Sequence[EncodedClip],
        words: Examples,
        *,
        end: int,
        block: int,
        blocks: int,
        spoken_scenes: Sequence[SpokenScene] = (),
    ) -> None:
        self.spoken_scenes = spoken_scenes
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
        self.splicer = SentenceSplicer(self.own, words.tokenizer, block * blocks - 1)
        self._by_sentence: defaultdict[str, list[EncodedClip]] = defaultdict(list)
        for clip in self.spoken:
            self._by_sentence[transcript(clip.sentence)].append(clip)

    def reencode(self, tokenizer: VisionTokenizer) -> None:
        """Encode the images of the spoken scenes with the tokenizer's present weights."""
        if self.spoken_scenes:
            codes = encoded(tokenizer, [t.scene for t in self.spoken_scenes], still)
            pairs = zip(self.spoken_scenes, map(image_span, codes), strict=True)
            self.spoken_scenes = [replace(t, picture=picture) for t, picture in pairs]

    def hear(self, rng: np.random.Generator) -> Example:
        """Draw a clip with an instruction -> text."""
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
        """Draw text -> the first or a later block of a clip; the last block holds its end."""
        while True:
            clip = self._spoken(rng)
            blocks = min(len(clip.codes) // self.block + 1, self.blocks)
            if first or blocks > 1:
                break
        block = 0 if first else int(rng.integers(1, blocks))
        begun = (
            prefix_noise(rng, block * self.block)
            if block and rng.random() < PREFIX_NOISE_SHARE
            else None
        )
        return self.block_of(clip, self.asked(rng, clip), block, begun)

    def recite(self, rng: np.random.Generator) -> Example:
        """Draw text -> a whole clip and its end, for the causal view."""
        clip = self._spoken(rng)
        spans = layout(self.words.tokenizer, self.asked(rng, clip), opens=Modality.AUDIO)
        codes = clip.span().tokens[: self.block * self.blocks]
        ended = torch.cat([codes, torch.full((1, codes.shape[1]), self.end)])
        said = _said(clip, 0, len(ended))
        return Example(tuple(spans), Span(Modality.AUDIO, ended), shown=said)

    def opened(self, rng: np.random.Generator) -> Example:
        """Draw a request for speech or a sound -> the marker that opens it."""
        clip = pick(rng, self._pool(rng))
        (wished,) = self.asked(rng, clip, aloud=False)
        spans = layout(self.words.tokenizer, [wished])
        return Example(tuple(spans), self.words.words([BEGIN_AUDIO], rng))

    def _spoken(self, rng: np.random.Generator) -> EncodedClip:
        """Draw the clip to speak."""
        pool = self._pool(rng)
        spliced = pool is self.own and rng.random() < SPLICED_SHARE
        return (self.splicer.draw(rng) if spliced else None) or pick(rng, pool)

    def _pool(self, rng: np.random.Generator) -> list[EncodedClip]:
        """Draw the pool of the clip to speak."""
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
        """Return a request for the clip; with aloud, half of those in the output voice are answers
        read aloud."""
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
        """Return one block of a clip after the blocks before it. begun: the clip's positions in the
        prefix (`prefix_noise`); None for the right ones."""
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
        """Draw a text dialogue whose question is among the clips."""
        while True:
            kind = ANSWERED_KINDS[int(rng.choice(3, p=(0.45, 0.4, 0.15)))]
            dialogue = sample_dialogue(rng, kind, test=False)
            clips = self._by_sentence.get(transcript(dialogue.utterances[0].text))
            if clips:
                return dialogue, pick(rng, clips)


def prefix_noise(rng: np.random.Generator, length: int) -> np.ndarray:
    """Return the source position of each of `length` positions, int64 "L": the identity with some
    runs copied from elsewhere."""
    found = np.arange(length)
    for _ in range(int(rng.integers(1, 2 + length // POSITIONS_A_RUN))):
        long = int(rng.integers(1, min(MAX_NOISE_RUN, length) + 1))
        at, of = rng.integers(length - long + 1, size=2)
        found[at : at + long] = np.arange(of, of + long)
    return found


def _said(clip: EncodedClip, start: int, length: int) -> np.ndarray:
    """Return the labels "length 2" of a part of a clip, silence after its end."""
    if clip.said is None:
        return np.full((length, 2), UNKNOWN)
    part = clip.said[start : start + length]
    return np.concatenate([part, np.tile([PAD, 0], (length - len(part), 1))])
