"""A voice with random weights: enough for every law but being understood."""

import torch

from model.config import BackboneConfig, HeadConfig
from model.loading.voice import Speaker
from model.network.text_to_speech import TextToSpeech, TextToSpeechConfig
from model.tokenizers.speech_decoder import SpeechDecoder

CONFIG = TextToSpeechConfig(
    BackboneConfig(
        width=32, layers=1, heads=4, kv_heads=2, head_dim=8, mlp_width=64, qk_norm=True
    ),
    HeadConfig(width=16, layers=1, heads=2, mlp_width=32),
    reading=1,
    block=10,
    blocks=3,
)  # fmt: skip


def small_speaker() -> Speaker:
    torch.manual_seed(0)
    parts = TextToSpeech(CONFIG), SpeechDecoder()
    network, decoder = (part.eval().requires_grad_(False) for part in parts)
    assert isinstance(network, TextToSpeech) and isinstance(decoder, SpeechDecoder)
    return Speaker(network, decoder)
