"""Encoding of user input into codes, and decoding of codes into media.

Owns: `Codec`, one message part as codes and an answer's codes as text, picture, film or sound. Does
not own: the tokenizers (`model.tokenizers.image`, `model.tokenizers.audio`,
`model.tokenizers.text`), previews (`engine.media.preview`).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from engine.api.conversation import Part
from engine.api.events import Answer
from engine.media.external_codec import ExternalSpeechCodec, WholeSpeech
from engine.media.images import fitted
from engine.media.preview import frames, picture
from engine.media.video import sampled
from engine.media.voice import SpeechStream, Voice, is_speech, speaker_codes
from flow.modality import Modality
from model.loading.voice import Speaker
from model.network.omni import OmniModel
from model.prompt_template import Span
from model.tokenizers.audio import POSITIONS_A_SECOND, AudioStream
from model.tokenizers.image import pixels_from_uint8
from model.tokenizers.text import EOS, SUGGEST, TextTokenizer, thought_of
from model.tokenizers.whisper_encoder import SAMPLE_RATE

NOTHING = np.zeros(0, np.float32)


@dataclass(frozen=True)
class Codec:
    """The tokenizers of one checkpoint, each way. speech: where a program of its own has those of
    speech. speaker: where it has one that says words."""

    model: OmniModel
    words: TextTokenizer
    speech: ExternalSpeechCodec | None = None
    speaker: Speaker | None = None

    @cached_property
    def voice(self) -> Voice | None:
        """The sound of the words that it says; None where it says them by its own network, or
        another program has its speech."""
        return None if self.speaker is None or self.speech is not None else Voice(self.speaker)

    @property
    def styles(self) -> tuple[str, ...]:
        """The speaking styles, the default first; empty where there is no choice."""
        return () if self.speech is None else self.speech.styles

    def check(self, style: str | None) -> None:
        """Nothing. Raises: ValueError where it cannot speak in that style."""
        if style is not None and style not in self.styles:
            known = ", ".join(self.styles) or "none here: leave it out"
            raise ValueError(f"unknown style {style[:40]!r}: choose one of {known}")

    @property
    def max_audio_s(self) -> float:
        """Seconds of the longest sound in one message, and of the longest one that is made; 0 where
        the checkpoint has no sound."""
        config = self.model.config
        return 0.0 if config.audio is None else config.audio_length / POSITIONS_A_SECOND

    def encode(self, part: Part) -> Span:
        """The codes, on the CPU, of any picture, of a film, or of a sound of up to `max_audio_s`.
        Of a film of any length a checkpoint of others sees as many frames as it knows, see
        `sampled`.

        Raises: ValueError where the checkpoint does not know the modality, a film has another
        number of frames than ours knows, or a sound is longer.
        """
        config = self.model.config
        if part.video is not None:
            film, theirs = part.video, config.code_rows is not None
            if theirs and config.video_frames and len(film):
                film = sampled(film, config.video_frames)
            if len(film) != config.video_frames:
                raise ValueError(self._no_such_film(len(film)))
            return Span(Modality.VIDEO, self._seen(film, config.frame_px).flatten(0, 1))
        if part.image is not None:
            return Span(Modality.IMAGE, self._seen(part.image[None])[0])
        assert part.audio is not None
        if self.max_audio_s == 0:
            why = self.model.config.missing.get(Modality.AUDIO, "write what you want to say")
            raise ValueError(f"this checkpoint does not hear: {why}")
        if len(part.audio) > self.max_audio_s * SAMPLE_RATE:
            raise ValueError(
                f"the sound has {len(part.audio) / SAMPLE_RATE:.1f} s, the model hears "
                f"{self.max_audio_s:g} s at once: cut it, or have it written down in pieces"
            )
        if self.speech is not None:
            codes = torch.from_numpy(self.speech.encode(part.audio))
            return Span(Modality.AUDIO, codes[:, None])
        samples = torch.from_numpy(part.audio)[None].to(self.model.device)
        return Span(Modality.AUDIO, self.model.audio.encode(samples)[0].cpu())

    def _seen(self, pictures: np.ndarray, side_px: int | None = None) -> Tensor:
        """The codes "N L Q", on the CPU, of pictures uint8 "N H W 3"; of that side, or the usual
        one."""
        if self.model.config.vision is None:
            why = self.model.config.missing.get(Modality.IMAGE, "write what you want to say")
            raise ValueError(f"this checkpoint does not see pictures: {why}")
        side = side_px or self.model.config.vision.image_px
        squares = np.stack([fitted(picture, side) for picture in pictures])
        pixels = pixels_from_uint8(torch.from_numpy(squares).to(self.model.device))
        return self.model.vision.encode(pixels).cpu()

    def _no_such_film(self, num: int) -> str:
        wanted = self.model.config.video_frames
        if wanted == 0:
            why = self.model.config.missing.get(Modality.VIDEO, "show it a picture")
            return f"this checkpoint does not watch films: {why}"
        return f"the film has {num} frames, the model sees {wanted}"

    def stream(
        self, style: str | None, *, says: bool = False
    ) -> AudioStream | WholeSpeech | SpeechStream:
        """Decodes the codes of one sound as they come. says: whether they are the voice's."""
        if says and self.voice is not None:
            return self.voice.stream()
        if self.speech is not None:
            return WholeSpeech(self.speech, style)
        return AudioStream(self.model.audio)

    def answer(
        self,
        tokens: np.ndarray,
        modality: Modality,
        image: np.ndarray | None = None,
        style: str | None = None,
    ) -> Answer:
        """The answer of tokens "L Q"; `image` is their picture or film where it was decoded
        already, `style` one of `styles`."""
        codes = torch.from_numpy(tokens)[None].to(self.model.device)
        match modality:
            case Modality.AUDIO:
                if self.speech is not None:
                    return Answer(modality, tokens, audio=self.speech.decode(tokens[:, 0], style))
                if is_speech(tokens):
                    return Answer(modality, tokens, audio=self._said(tokens))
                decode = self.model.audio.decode
                samples = decode(codes)[0].cpu().numpy() if len(tokens) else NOTHING
                return Answer(modality, tokens, audio=samples)
            case Modality.VIDEO:
                vision = self.model.vision
                film = frames(vision, codes)[0].cpu().numpy() if image is None else image
                return Answer(modality, tokens, video=film)
            case Modality.IMAGE:
                shown = picture(self.model.vision, codes) if image is None else image
                return Answer(modality, tokens, image=shown)
            case Modality.TEXT:
                return self._told(tokens)

    def _said(self, ids: np.ndarray) -> np.ndarray:
        """The sound of speech. Raises: ValueError where this checkpoint has no voice."""
        if self.voice is None:
            raise ValueError("this is speech of a checkpoint with another voice: open it there")
        return self.voice.samples(speaker_codes(ids))

    def _told(self, tokens: np.ndarray) -> Answer:
        ids = tokens[:, 0].tolist()
        thought, answer = thought_of(ids[: ids.index(EOS)] if EOS in ids else ids)
        return Answer(
            Modality.TEXT,
            tokens,
            text=self.words.decode(answer),
            suggest=SUGGEST in answer,
            thought=self.words.decode(thought) if thought else None,
        )
