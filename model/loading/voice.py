"""The voice beside a checkpoint's weights: the folder `voice/` with a speaker and its decoder.

Owns: `Speaker`, reading and writing that folder. Does not own: the network, the decoder
(`model.network.text_to_speech`, `model.tokenizers.speech_decoder`).
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from model.loading.file_digests import FACTS, seal
from model.loading.tensor_file import finite_weights, half_shards
from model.network.text_to_speech import SHARDS, TextToSpeech
from model.tokenizers.speech_decoder import SpeechDecoder

FOLDER, DECODER = "voice", "decoder.safetensors"
BROKEN = (
    ArithmeticError, AssertionError, AttributeError, LookupError, OSError, RuntimeError,
    SafetensorError, TypeError,
)  # fmt: skip
"""The errors of files that hold sizes or weights of nothing; ValueErrors have their sentence."""


@dataclass(frozen=True)
class Speaker:
    """letters -> speech codes -> sound. network: on the checkpoint's device; decoder: on the
    CPU."""

    network: TextToSpeech
    decoder: SpeechDecoder


def save_speaker(folder: Path, network: TextToSpeech, decoder: Path) -> None:
    """Write the voice of a checkpoint folder in float16, in place of the one there. decoder: made
    by `model.convert.speech_decoder`."""
    home = folder / FOLDER
    home.mkdir(parents=True, exist_ok=True)
    for old in home.glob(SHARDS):
        old.unlink()
    for number, shard in enumerate(half_shards(network.state_dict())):
        save_file(shard, home / SHARDS.replace("*", f"-{number:05d}"))
    network.save_config(home)
    shutil.copyfile(decoder, home / DECODER)
    if (folder / FACTS).exists():
        seal(folder)


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
    try:
        network, sound = TextToSpeech.load(home), SpeechDecoder.load(decoder)
    except BROKEN as error:
        raise ValueError(f"{home} holds no whole speaker ({error}): fetch it again") from error
    finite_weights(home / SHARDS, network)
    finite_weights(decoder, sound)
    return Speaker(network.to(device), sound)
