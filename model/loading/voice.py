"""The voice beside a checkpoint's weights: the folder `voice/` with a speaker and its decoder.

Owns: `Speaker`, reading and writing that folder. Does not own: the network, the decoder
(`model.network.text_to_speech`, `model.tokenizers.speech_decoder`).
"""

from dataclasses import dataclass
from pathlib import Path

import torch

from model.network.text_to_speech import TextToSpeech
from model.tokenizers.speech_decoder import SpeechDecoder

FOLDER, DECODER = "voice", "decoder.safetensors"


@dataclass(frozen=True)
class Speaker:
    """letters -> speech codes -> sound. network: on the checkpoint's device; decoder: on the
    CPU."""

    network: TextToSpeech
    decoder: SpeechDecoder


def load_speaker(folder: Path, device: torch.device) -> Speaker | None:
    """Return the voice of a checkpoint folder, None where it has none.

    Raises: ValueError where a file of it is missing or broken.
    """
    home = folder / FOLDER
    if not home.is_dir():
        return None
    decoder = home / DECODER
    if not decoder.exists():
        raise ValueError(f"{home} is not complete: {DECODER} is missing; fetch it again")
    return Speaker(TextToSpeech.load(home).to(device), SpeechDecoder.load(decoder))
