"""Speech as two codes a position: what is said and how long, how high and how loud.

A position is one symbol of a phonetic alphabet, about 14 a second. Code 1 is 8 * symbol + class of
its duration, code 2 is 16 * level of F0 + level of energy. So a code can be read ("d, 75 ms, 190
Hz"), and pitch and pace are changed by arithmetic. The alphabet is that of Kokoro-82M and misaki
(both Apache-2.0), cut to what American English uses; durations, F0 and energy are those that the
decoder of `model.tokenizers.speech_decoder` reads. Owns: packing and unpacking, and what makes
codes near each other. Does not own: the decoder, or how text becomes symbols.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

EDGE = "$"
"""The silence before and behind a sentence."""
_SOUNDS: dict[str, str] = {
    "$": "silence edge", " ": "silence gap", "ˈ": "mark strong", "ˌ": "mark weak",
    "ː": "mark long", ".": "silence ends falling", "?": "silence ends rising",
    "!": "silence ends loud",
    ",": "silence pause", ";": "silence pause long", ":": "silence pause falling",
    "—": "silence pause dash", "…": "silence pause dash long", '"': "silence quote",
    "“": "silence quote opens", "”": "silence quote closes", "(": "silence bracket opens",
    ")": "silence bracket closes",
    "i": "vowel close front tense", "ɪ": "vowel close front", "ᵻ": "vowel close central",
    "u": "vowel close back tense round", "ʊ": "vowel close back round", "ɛ": "vowel mid front",
    "ə": "vowel mid central", "ᵊ": "vowel mid central short", "ɜ": "vowel mid central tense",
    "ʌ": "vowel mid back", "ɔ": "vowel mid back tense round", "æ": "vowel open front",
    "ɐ": "vowel open central", "ɑ": "vowel open back tense", "A": "vowel mid front to-front",
    "I": "vowel open central to-front", "O": "vowel mid back round to-back",
    "W": "vowel open central to-back", "Y": "vowel mid back round to-front",
    "p": "consonant stop labial", "b": "consonant stop labial voiced",
    "t": "consonant stop alveolar", "d": "consonant stop alveolar voiced",
    "k": "consonant stop velar", "ɡ": "consonant stop velar voiced",
    "ʔ": "consonant stop glottal", "T": "consonant tap alveolar voiced",
    "ɾ": "consonant tap alveolar voiced short", "m": "consonant nasal labial voiced",
    "n": "consonant nasal alveolar voiced", "ŋ": "consonant nasal velar voiced",
    "f": "consonant fricative labial", "v": "consonant fricative labial voiced",
    "θ": "consonant fricative dental", "ð": "consonant fricative dental voiced",
    "s": "consonant fricative alveolar", "z": "consonant fricative alveolar voiced",
    "ʃ": "consonant fricative palatal", "ʒ": "consonant fricative palatal voiced",
    "h": "consonant fricative glottal", "ʧ": "consonant stop fricative palatal",
    "ʤ": "consonant stop fricative palatal voiced", "l": "consonant glide alveolar voiced lateral",
    "ɹ": "consonant glide alveolar voiced", "w": "consonant glide labial voiced",
    "j": "consonant glide palatal voiced",
}  # fmt: skip
"""Each symbol and how it is made."""
SYMBOLS: tuple[str, ...] = tuple(_SOUNDS)
NUM_SYMBOLS = 64
_NUMBER = {symbol: i for i, symbol in enumerate(SYMBOLS)}
SPACE = _NUMBER[" "]

UNIT_S = 0.025
"""Durations are counted in these seconds; the decoder has `FRAMES` frames in each."""
FRAMES = 2
DURATIONS = (1, 2, 3, 4, 5, 6, 10, 14)
"""The length of each duration class in units; silences at the ends are long, sounds are short."""
NUM_F0, NUM_ENERGY = 32, 16
LOWEST_HZ, HIGHEST_HZ = 80.0, 340.0
"""F0 of levels 1 and 31, even in pitch between; level 0 is unvoiced."""
VOICED_HZ = 40.0
"""The lowest F0 that the decoder treats as voiced."""
SOFTEST, LOUDEST = -9.6, 8.6
"""Energy of levels 0 and 15, in the decoder's own measure."""
CARDINALITY = 512
"""Codes of each of the two kinds."""

SYMBOL_SHARE, VOICE_SHARE = 0.7, 0.6
"""Shares of a code's direction: the symbol, and F0; the rest is duration, and energy."""


@dataclass(frozen=True)
class Prosody:
    """The inputs of the decoder for a sentence. symbols: int64 "L"; durations: int64 "L" in units
    of `UNIT_S`; f0: float32 "T" in Hz, 0 without a voice, energy: float32 "T", T = 2 * all
    durations."""

    symbols: np.ndarray
    durations: np.ndarray
    f0: np.ndarray
    energy: np.ndarray


def symbol_numbers(phonemes: str) -> list[int]:
    """The numbers of the symbols of a sentence, silence at both ends.

    Raises: ValueError where a symbol is not of this alphabet.
    """
    unknown = sorted(set(phonemes) - set(SYMBOLS[1:]))
    if unknown:
        raise ValueError(f"not of the alphabet of speech: {' '.join(unknown)}")
    return [0, *(_NUMBER[symbol] for symbol in phonemes), 0]


def pack(spoken: Prosody) -> np.ndarray:
    """Codes int64 "L 2" of a sentence: of each symbol the nearest class of its duration and the
    levels of its mean F0, where half of it has a voice, and of its mean energy."""
    lengths = np.log(np.maximum(spoken.durations, 1))
    classes = np.abs(lengths[:, None] - np.log(DURATIONS)).argmin(1)
    owner = np.repeat(np.arange(len(spoken.symbols)), FRAMES * spoken.durations)
    frames = np.maximum(np.bincount(owner, minlength=len(spoken.symbols)), 1)
    voiced = spoken.f0 > VOICED_HZ
    num_voiced = _sums(owner, voiced, len(frames))
    pitch = _sums(owner, spoken.f0 * voiced, len(frames)) / np.maximum(num_voiced, 1)
    octaves = np.log(np.maximum(pitch, LOWEST_HZ) / LOWEST_HZ) / np.log(HIGHEST_HZ / LOWEST_HZ)
    level = 1 + np.clip(np.round(octaves * (NUM_F0 - 2)), 0, NUM_F0 - 2)
    level = np.where(num_voiced * 2 >= np.maximum(frames, 1), level, 0).astype(np.int64)
    loud = _sums(owner, spoken.energy, len(frames)) / frames
    loud = np.round((loud - SOFTEST) / (LOUDEST - SOFTEST) * (NUM_ENERGY - 1))
    energy = np.clip(loud, 0, NUM_ENERGY - 1).astype(np.int64)
    first = spoken.symbols * len(DURATIONS) + classes
    return np.stack([first, level * NUM_ENERGY + energy], 1)


def unpack(codes: np.ndarray) -> Prosody:
    """The inverse of `pack`, up to its rounding: F0 and energy run straight between the middles of
    the symbols, and where a symbol has no voice there is none."""
    symbols, classes = np.divmod(codes[:, 0].astype(np.int64), len(DURATIONS))
    level, loud = np.divmod(codes[:, 1].astype(np.int64), NUM_ENERGY)
    durations = np.array(DURATIONS)[classes]
    ends = FRAMES * durations.cumsum()
    middles = ends - (FRAMES * durations + 1) / 2
    places = np.arange(FRAMES * durations.sum())
    owner = np.repeat(np.arange(len(codes)), FRAMES * durations)
    has_voice = level > 0
    f0 = np.zeros(len(places))
    if has_voice.any():
        between = np.interp(places, middles[has_voice], level_hz(level[has_voice]))
        f0 = np.where(has_voice[owner], between, 0.0)
    each = SOFTEST + loud / (NUM_ENERGY - 1) * (LOUDEST - SOFTEST)
    energy = np.interp(places, middles, each) if len(codes) else np.zeros(0)
    return Prosody(symbols, durations, f0.astype(np.float32), energy.astype(np.float32))


def level_hz(level: np.ndarray) -> np.ndarray:
    """F0 in Hz of levels from 1 on; level 0 has none."""
    octaves = (level - 1) / (NUM_F0 - 2)
    return LOWEST_HZ * (HIGHEST_HZ / LOWEST_HZ) ** octaves


def described(codes: np.ndarray) -> list[str]:
    """Each position of codes "L 2" in words: "d, 75 ms, 190 Hz"."""
    symbols, classes = np.divmod(codes[:, 0], len(DURATIONS))
    levels = codes[:, 1] // NUM_ENERGY
    found: list[str] = []
    for symbol, kind, level in zip(symbols, classes, levels, strict=True):
        pitch = "no voice" if level == 0 else f"{level_hz(np.array(level)):.0f} Hz"
        found.append(f"{SYMBOLS[symbol]}, {DURATIONS[kind] * UNIT_S * 1000:.0f} ms, {pitch}")
    return found


def structure() -> Tensor:
    """Unit vectors float32 "2 512 D" of the codes: near where the sounds are made alike and last
    about as long, and where F0 and energy are near. For the distances of the metric-induced path,
    and for rows that begin with what is known of them."""
    ways = sorted({way for made in _SOUNDS.values() for way in made.split()})
    sounds = torch.zeros(NUM_SYMBOLS, len(ways))
    for i, made in enumerate(_SOUNDS.values()):
        sounds[i, [ways.index(way) for way in made.split()]] = 1.0
    lengths = torch.tensor(DURATIONS).float().log() / math.log(max(DURATIONS))
    first = _joined(F.normalize(sounds, dim=-1), _waves(lengths, 2), SYMBOL_SHARE)
    voices = F.pad(_waves(torch.linspace(0, 1, NUM_F0 - 1), 4), (0, 1))
    silent = F.one_hot(torch.tensor([voices.shape[1] - 1]), voices.shape[1]).to(voices)
    pitch = torch.cat([silent, voices])
    second = _joined(pitch, _waves(torch.linspace(0, 1, NUM_ENERGY), 3), VOICE_SHARE)
    width = max(first.shape[1], second.shape[1])
    return torch.stack([F.pad(x, (0, width - x.shape[1])) for x in (first, second)])


def _sums(owner: np.ndarray, values: np.ndarray, num: int) -> np.ndarray:
    """Sums of the values of each owner."""
    return np.bincount(owner, values, minlength=num)


def _waves(values: Tensor, num: int) -> Tensor:
    """Numbers "N" in [0, 1] as unit vectors "N 2*num": the nearer, the more alike, in waves of
    which each is half as long as the one before."""
    angles = values[:, None] * math.pi / 2 * 2 ** torch.arange(num)
    return torch.cat([angles.cos(), angles.sin()], 1) / num**0.5


def _joined(one: Tensor, other: Tensor, share: float) -> Tensor:
    """Unit vectors of all pairs, "A B" flattened: cosines add up by their shares."""
    first = one[:, None].expand(-1, len(other), -1) * share**0.5
    second = other[None].expand(len(one), -1, -1) * (1 - share) ** 0.5
    return torch.cat([first, second], -1).flatten(0, 1)
