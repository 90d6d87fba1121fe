"""The sound tokenizer's stage: reconstruction plus words read off the codes.

loss = log-mel L1 + spectra at four resolutions + quantisation - entropy + connectionist temporal
classification of the words (or of what makes the sound). The output voice and sounds are rebuilt
as they are; every other voice is helped by a vector of its own that is thrown away after training,
so that the codes need not say who speaks. What the encoder hears is made noisy at times, what it
has to rebuild is not. Source: Luo et al. 2025 (arXiv:2510.13721), Section 2.1 and Eq. 1; the
adversarial terms are left out.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from tqdm import tqdm
from transformers.audio_utils import mel_filter_bank

from model.layers.transformer import Block, RotaryTable
from model.tokenizer_config import AudioConfig
from model.tokenizers.audio import POSITION, AudioTokenizer
from model.tokenizers.text import PAD, TextTokenizer
from model.tokenizers.whisper_encoder import SAMPLE_RATE
from world.audio.speech import Clip
from world.audio.voices import OUTPUT_VOICE
from world.text.sentences import edit_distance, transcript

BATCH = 16
CROP = 24
"""Positions reconstructed of each clip."""
ENTROPY_WEIGHT, WORDS_WEIGHT, MEL_WEIGHT = 0.02, 0.25, 2.0
NOISY_SHARE, OUTPUT_SHARE = 0.4, 0.5
RESOLUTIONS = (128, 256, 512, 1024)
MOST_VOICES, SAVED = 64, 6


class WordReader(nn.Module):
    """Map code vectors "B L Q*code_dim" to log-probabilities "B L V" of text ids; dropped after
    training."""

    def __init__(self, latent: int, vocabulary: int, width: int = 192) -> None:
        super().__init__()
        self.enter = nn.Linear(latent, width)
        self.rotary = RotaryTable(width // 4, 10_000.0)
        self.layers = nn.ModuleList(Block(width, 4, 2 * width) for _ in range(2))
        self.out = nn.Linear(width, vocabulary)

    def forward(self, vectors: Tensor) -> Tensor:
        x = self.enter(vectors)
        places = torch.arange(x.shape[1], device=x.device)[None]
        for layer in self.layers:
            x, _ = layer(x, self.rotary(places))
        return self.out(x).log_softmax(-1)


class AudioTraining(nn.Module):
    """The tokenizer with the modules dropped after training: the reader and the speaker vectors."""

    def __init__(self, config: AudioConfig, vocabulary: int, voices: int) -> None:
        super().__init__()
        self.tokenizer = AudioTokenizer(config)
        self.reader = WordReader(config.num_codebooks * config.code_dim, vocabulary)
        self.voices = nn.Parameter(torch.randn(voices, config.width) * 0.1)


class AudioStage:
    """Clips of similar length, half of the batches in the output voice or with sounds.

    Whisper's weights stay as they are where `AudioTokenizer.encoder` is frozen.
    """

    helpers = None

    def __init__(
        self,
        config: AudioConfig,
        clips: Sequence[Clip],
        held_out: Sequence[Clip],
        words: TextTokenizer,
        device: torch.device,
    ) -> None:
        others = sorted({c.voice for c in clips if "/" in c.voice} - {OUTPUT_VOICE})
        self.voices = {voice: i for i, voice in enumerate(others)}
        self.model = AudioTraining(config, words.cardinality, MOST_VOICES).to(device)
        self.device, self.words, self.held_out = device, words, held_out
        self._pools = [
            sorted(
                (c for c in clips if (c.voice in self.voices) == foreign),
                key=lambda c: len(c.samples),
            )
            for foreign in (False, True)
        ]
        self._memory: dict[str, Tensor] = {}
        self._mels = MelDistance(config.mel_bins).to(device)

    def loss(self, step: int) -> tuple[Tensor, dict[str, float], int]:
        rng = np.random.default_rng((4, step))
        clips = self._batch(rng)
        lengths = [-(-len(c.samples) // POSITION) for c in clips]
        clean = stacked([c.samples for c in clips]).to(self.device)
        tokenizer = self.model.tokenizer
        quantized = tokenizer.quantizer(tokenizer.features(self._heard(clips, clean, rng)))
        words = self._words(quantized.vectors, clips, lengths)
        found, wanted = self._rebuilt(quantized.vectors, clean, clips, lengths, rng)
        mel, spectra = self._mels(found, wanted), spectral_distance(found, wanted)
        loss = MEL_WEIGHT * mel + spectra + WORDS_WEIGHT * words
        loss = loss + quantized.loss - ENTROPY_WEIGHT * quantized.entropy
        named = {"mel": mel, "spectra": spectra, "words": words, "quant": quantized.loss}
        return loss, {name: float(x.detach()) for name, x in named.items()}, len(clips)

    def _batch(self, rng: np.random.Generator) -> list[Clip]:
        """Draw neighbours in length."""
        own, foreign = self._pools
        pool = own if rng.random() < OUTPUT_SHARE or not foreign else foreign
        start = int(rng.integers(max(len(pool) - BATCH, 0) + 1))
        return pool[start : start + BATCH]

    def _heard(self, clips: Sequence[Clip], clean: Tensor, rng: np.random.Generator) -> Tensor:
        """Return encoder features of the batch, partly noisy; a frozen encoder runs once a clip."""
        tokenizer = self.model.tokenizer
        if next(tokenizer.encoder.parameters()).requires_grad:
            return tokenizer.hear(_noisy(clean, rng, NOISY_SHARE))
        if not self._memory:
            self._remember()
        rows = [self._memory[c.name] for c in clips]
        return pad_sequence(rows, batch_first=True).float().to(self.device)

    def _remember(self) -> None:
        """Encode every clip once, a share with noise: features "2L D", float16 on the CPU."""
        rng = np.random.default_rng(6)
        batches = [p[i : i + BATCH] for p in self._pools for i in range(0, len(p), BATCH)]
        for clips in tqdm(batches, desc="heard", mininterval=5):
            samples = _noisy(stacked([c.samples for c in clips]), rng, NOISY_SHARE)
            with torch.no_grad():
                heard = self.model.tokenizer.hear(samples.to(self.device)).half().cpu()
            for clip, row in zip(clips, heard, strict=True):
                length = 2 * -(-len(clip.samples) // POSITION)
                self._memory[clip.name] = row[:length].clone()

    def _words(self, vectors: Tensor, clips: Sequence[Clip], lengths: Sequence[int]) -> Tensor:
        """Return the CTC loss of the transcripts in nats an id."""
        ids = [self.words.encode(transcript(c.sentence)) for c in clips]
        return F.ctc_loss(
            self.model.reader(vectors).transpose(0, 1),
            torch.tensor([i for row in ids for i in row], device=self.device),
            torch.tensor(lengths),
            torch.tensor([len(row) for row in ids]),
            blank=PAD,
            zero_infinity=True,
        )

    def _rebuilt(
        self,
        vectors: Tensor,
        clean: Tensor,
        clips: Sequence[Clip],
        lengths: Sequence[int],
        rng: np.random.Generator,
    ) -> tuple[Tensor, Tensor]:
        """Return a crop of each clip as decoded and as it was, both "B 640*CROP"."""
        crop = min(CROP, vectors.shape[1])
        starts = [int(rng.integers(max(n - crop, 0) + 1)) for n in lengths]
        pieces = torch.stack([v[s : s + crop] for v, s in zip(vectors, starts, strict=True)])
        wanted = torch.stack(
            [x[s * POSITION : (s + crop) * POSITION] for x, s in zip(clean, starts, strict=True)]
        )
        silent = self.model.voices.new_zeros(1, self.model.voices.shape[1])
        rows = torch.cat([self.model.voices, silent])
        who = torch.tensor([self.voices.get(c.voice, len(rows) - 1) for c in clips])
        voice = F.embedding(who.to(self.device), rows)
        return self.model.tokenizer.decode_vectors(pieces, voice), wanted

    def report(self, folder: Path) -> dict[str, float]:
        """Return figures of held-out clips: mel distance in the output voice, error rate of the
        read ids, codes used; save some clips. Empty where there are none."""
        tokenizer, figures, used = self.model.tokenizer, list[float](), list[Tensor]()
        right, wrong, total = 0, 0, 0
        for clip in self.held_out:
            samples = stacked([clip.samples]).to(self.device)
            codes = tokenizer.encode(samples)
            used.append(codes[0])
            vectors = tokenizer.quantizer.decode(codes)
            said = self.model.reader(vectors)[0].argmax(-1).unique_consecutive().tolist()
            ids = self.words.encode(transcript(clip.sentence))
            wrong += edit_distance([i for i in said if i != PAD], ids)
            total += len(ids)
            if clip.voice == OUTPUT_VOICE:
                decoded = tokenizer.decode(codes)
                figures.append(float(self._mels(decoded, samples)))
                if right < SAVED:
                    both = torch.cat([samples[0], decoded[0]]).cpu().numpy()
                    soundfile.write(folder / f"clip-{right}.wav", both, SAMPLE_RATE)
                    right += 1
        if not used:
            return {}
        codes = torch.cat(used)
        return {
            **({"mel": float(np.mean(figures))} if figures else {}),
            "id_errors": wrong / max(total, 1),
            "codes_used": float(
                np.mean([len(codes[:, q].unique()) for q in range(codes.shape[1])])
            ),
        }


class MelDistance(nn.Module):
    """Mean absolute difference of natural log-mel bands, at two resolutions."""

    def __init__(self, mel_bins: int) -> None:
        super().__init__()
        self.sizes = (512, 1024)
        for size in self.sizes:
            banks = mel_filter_bank(
                num_frequency_bins=size // 2 + 1,
                num_mel_filters=mel_bins if size > 512 else mel_bins // 2,
                min_frequency=0.0,
                max_frequency=SAMPLE_RATE / 2,
                sampling_rate=SAMPLE_RATE,
                norm="slaney",
                mel_scale="slaney",
            )
            self.register_buffer(f"filters{size}", torch.from_numpy(banks).float().T)

    def forward(self, found: Tensor, wanted: Tensor) -> Tensor:
        """Both "B N"."""
        total = found.new_zeros(())
        for size in self.sizes:
            filters = self.get_buffer(f"filters{size}")
            a, b = (
                (filters @ _magnitude(x, size).square() + 1e-6).log() / 2 for x in (found, wanted)
            )
            total = total + (a - b).abs().mean()
        return total / len(self.sizes)


def spectral_distance(found: Tensor, wanted: Tensor) -> Tensor:
    """Return spectral convergence plus log distance at several resolutions; both inputs "B N".

    Source: Yamamoto et al. 2020 (arXiv:1910.11480), Eq. 4 to 6.
    """
    total = found.new_zeros(())
    for size in RESOLUTIONS:
        a, b = _magnitude(found, size), _magnitude(wanted, size)
        convergence = (a - b).norm() / (b.norm() + 1e-3)
        total = total + convergence + ((a + 1e-3).log() - (b + 1e-3).log()).abs().mean()
    return total / len(RESOLUTIONS)


def _magnitude(samples: Tensor, size: int) -> Tensor:
    window = torch.hann_window(size, device=samples.device)
    spectrum = torch.stft(samples, size, size // 4, window=window, return_complex=True)
    return torch.view_as_real(spectrum).square().sum(-1).add(1e-9).sqrt()


def stacked(samples: Sequence[np.ndarray]) -> Tensor:
    """Pad samples with silence to whole positions, "B N"."""
    longest = -(-max(len(s) for s in samples) // POSITION) * POSITION
    return torch.from_numpy(np.stack([np.pad(s, (0, longest - len(s))) for s in samples]))


def _noisy(clean: Tensor, rng: np.random.Generator, share: float) -> Tensor:
    """Add white or low noise, 5 to 30 dB below the clip, to a share of the rows; change every row's
    gain."""
    rows, length = clean.shape
    noise = rng.standard_normal((rows, length), dtype=np.float32)
    from scipy.signal import lfilter  # slow to import

    rumble = np.asarray(lfilter([1.0], [1.0, -0.95], noise, axis=1))
    noise = np.where(rng.random((rows, 1)) < 0.5, noise, rumble)
    noise = noise / np.sqrt(np.square(noise).mean(1, keepdims=True))
    loud = clean.square().mean(1, keepdim=True).sqrt().cpu().numpy()
    below = 10 ** (-rng.uniform(5, 30, (rows, 1)) / 20) * (rng.random((rows, 1)) < share)
    gain = 10 ** (rng.uniform(-12, 6, (rows, 1)) / 20)
    added = torch.from_numpy((noise * loud * below).astype(np.float32)).to(clean.device)
    return (clean + added) * torch.from_numpy(gain.astype(np.float32)).to(clean.device)
