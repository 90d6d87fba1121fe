"""Tiny random checkpoints in the layouts of Qwen2.5, Llama, CLIP-ViT and Whisper, as transformers
has them, of the sizes of the preset "tiny"."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor, nn
from transformers import (
    CLIPConfig,
    CLIPModel,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    WhisperConfig,
    WhisperForConditionalGeneration,
)

from model.presets import PRESETS
from model.tokenizers.text import NUM_MARKERS

TINY = PRESETS["tiny"]
TINY_LLAMA = replace(
    TINY, name="tiny_llama", backbone=replace(TINY.backbone, qkv_bias=False, shift_text=True)
)
"""A preset that a Llama fits: tests set it among the others."""
WORDS = 272
"""Entries of the tokenizer: 256 bytes, merges, and two special ones."""
POSITIONS = 8
M = TypeVar("M", bound=nn.Module)


def qwen(*, tied: bool = False, layers: int = TINY.backbone.layers) -> Qwen2ForCausalLM:
    return randomised(
        Qwen2ForCausalLM(
            Qwen2Config(
                vocab_size=TINY.text_vocabulary,
                hidden_size=TINY.backbone.width,
                intermediate_size=TINY.backbone.mlp_width,
                num_hidden_layers=layers,
                num_attention_heads=TINY.backbone.heads,
                num_key_value_heads=TINY.backbone.kv_heads,
                rope_parameters={"rope_type": "default", "rope_theta": 1e6},
                rms_norm_eps=1e-5,
                tie_word_embeddings=tied,
            )
        )
    )


def llama(*, tied: bool = True) -> LlamaForCausalLM:
    """Every row of it has a word, or could: ours have the markers' in front."""
    return randomised(
        LlamaForCausalLM(
            LlamaConfig(
                vocab_size=TINY.text_vocabulary - NUM_MARKERS,
                hidden_size=TINY.backbone.width,
                intermediate_size=TINY.backbone.mlp_width,
                num_hidden_layers=TINY.backbone.layers,
                num_attention_heads=TINY.backbone.heads,
                num_key_value_heads=TINY.backbone.kv_heads,
                rope_parameters={"rope_type": "default", "rope_theta": 1e5},
                rms_norm_eps=1e-5,
                tie_word_embeddings=tied,
            )
        )
    )


def clip(*, width: int = TINY.vision.width, image_px: int = 28) -> CLIPModel:
    vision = {
        "hidden_size": width,
        "intermediate_size": 48,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "image_size": image_px,
        "patch_size": 14,
    }
    words = {
        "hidden_size": 8,
        "intermediate_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "vocab_size": 10,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }
    return randomised(CLIPModel(CLIPConfig(vision_config=vision, text_config=words)))


def whisper(*, layers: int = 2) -> WhisperForConditionalGeneration:
    assert TINY.audio is not None
    width = TINY.audio.encoder_width
    config = WhisperConfig(
        vocab_size=20,
        num_mel_bins=TINY.audio.mel_bins,
        d_model=width,
        encoder_layers=layers,
        encoder_attention_heads=TINY.audio.encoder_heads,
        encoder_ffn_dim=4 * width,
        decoder_layers=1,
        decoder_attention_heads=2,
        decoder_ffn_dim=8,
        max_source_positions=POSITIONS,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=1,
    )
    return randomised(WhisperForConditionalGeneration(config))


def save(model: nn.Module, folder: Path, *, shards: int = 1) -> Path:
    """The folder with config.json and the weights as the hub has them."""
    folder.mkdir(parents=True)
    model.config.to_json_file(folder / "config.json", use_diff=False)  # pyright: ignore
    described = json.loads((folder / "config.json").read_text())
    described["architectures"] = [type(model).__name__]
    (folder / "config.json").write_text(json.dumps(described))
    state = _state(model)
    if shards == 1:
        save_file(state, folder / "model.safetensors")
        return folder
    names = sorted(state)
    weight_map: dict[str, str] = {}
    for number in range(shards):
        file = f"model-{number + 1:05d}-of-{shards:05d}.safetensors"
        save_file({name: state[name] for name in names[number::shards]}, folder / file)
        weight_map |= dict.fromkeys(names[number::shards], file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    return folder


def save_tokenizer(folder: Path) -> None:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=WORDS - 2,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["A red heart above a red dog, above a house."] * 8, trainer)
    ends = [AddedToken(word, special=True) for word in ("<|endoftext|>", "<|im_end|>")]
    tokenizer.add_special_tokens(ends)
    tokenizer.save(str(folder / "tokenizer.json"))


def _state(model: nn.Module) -> dict[str, Tensor]:
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    if getattr(model.config, "tie_word_embeddings", False):  # pyright: ignore
        state.pop("lm_head.weight", None)
        state.pop("proj_out.weight", None)
    return state


def randomised(model: M) -> M:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "encoder.embed_positions" not in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return model.eval()
