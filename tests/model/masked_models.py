"""Tiny random checkpoints in the layouts of LLaDA and Dream. LLaDA's network is transformers' Llama
under other names, Dream's is Qwen2's; both attend in both directions."""

import json
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from tests.model.published import randomised

ROWS = 352
"""Of the vocabulary; the last ones have no word."""
BYTES_AND_MERGES = 290
SHARPNESS = 6
M = TypeVar("M", bound=nn.Module)
TEXTS = ["A red heart above a red dog, above a house. What is it?", "user assistant\n\n"] * 8
LLADA_SPECIAL = (
    "<|startoftext|>", "<|endoftext|>", "[CLS]", "[gMASK]", "<|reserved_token_0|>",
    "<|mdm_mask|>", "<role>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>",
)  # fmt: skip
DREAM_SPECIAL = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|box_start|>", "<|beginoftext|>", "<|mask|>",
)  # fmt: skip
HEADERS = (
    "{% for m in messages %}{% if loop.first %}{{ bos_token }}{% endif %}"
    "{{ '<|start_header_id|>' ~ m.role ~ '<|end_header_id|>\n\n' ~ m.content | trim }}<|eot_id|>"
    "{% endfor %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}"
)
"""Lays out a conversation as LLaDA's own template does."""
CHATML = (
    "{% if messages[0].role != 'system' %}{{ '<|im_start|>system\nBe kind.<|im_end|>\n' }}"
    "{% endif %}{% for m in messages %}"
    "{{ '<|im_start|>' ~ m.role ~ '\n' ~ m.content ~ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
RENAMED = {
    "self_attn.q_proj": "q_proj", "self_attn.k_proj": "k_proj", "self_attn.v_proj": "v_proj",
    "self_attn.o_proj": "attn_out", "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ff_norm", "mlp.gate_proj": "ff_proj", "mlp.up_proj": "up_proj",
    "mlp.down_proj": "ff_out", "model.layers.": "model.transformer.blocks.",
    "model.embed_tokens": "model.transformer.wte", "model.norm": "model.transformer.ln_f",
    "lm_head": "model.transformer.ff_out",
}  # fmt: skip


def llama(rows: int = ROWS) -> LlamaForCausalLM:
    return _sharp(
        LlamaForCausalLM(
            LlamaConfig(
                vocab_size=rows,
                hidden_size=32,
                intermediate_size=48,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=4,
                rms_norm_eps=1e-5,
                rope_parameters={"rope_type": "default", "rope_theta": 5e5},
                tie_word_embeddings=False,
            )
        )
    )


def qwen() -> Qwen2ForCausalLM:
    return _sharp(
        Qwen2ForCausalLM(
            Qwen2Config(
                vocab_size=ROWS,
                hidden_size=32,
                intermediate_size=48,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=2,
                rms_norm_eps=1e-6,
                rope_parameters={"rope_type": "default", "rope_theta": 1e6},
                tie_word_embeddings=False,
            )
        )
    )


def _sharp(model: M) -> M:
    """Random weights that look at few positions each, so that an answer is not one word alone."""
    with torch.no_grad():
        for name, parameter in randomised(model).named_parameters():
            if name.endswith(("q_proj.weight", "k_proj.weight")):
                parameter.mul_(SHARPNESS)
    return model


def logits(model: LlamaForCausalLM | Qwen2ForCausalLM, ids: Tensor) -> Tensor:
    """ "B L V" of ids "B L", every position seeing every other one."""
    length = ids.shape[1]
    everybody = torch.zeros(1, 1, length, length)
    mask = everybody if isinstance(model, LlamaForCausalLM) else {"full_attention": everybody}
    with torch.inference_mode():
        return model(ids, attention_mask=mask, use_cache=False).logits  # pyright: ignore


def save_llada(folder: Path) -> Path:
    return save_llama(
        folder, LLADA_SPECIAL, ROWS, model_type="llada", architectures=["LLaDAModelLM"]
    )


def save_llama(folder: Path, special: tuple[str, ...], rows: int, **said: object) -> Path:
    """A Llama under LLaDA's names. said: of config.json beside its shape."""
    folder.mkdir(parents=True)
    ids = save_tokenizer(folder, special, HEADERS, bos="<|startoftext|>")
    config = {
        "activation_type": "silu", "alibi": False, "attention_layer_norm": False,
        "bias_for_layer_norm": False, "block_group_size": 1,
        "block_type": "llama", "d_model": 32, "embedding_size": rows, "include_bias": False,
        "include_qkv_bias": False, "input_emb_norm": False, "layer_norm_type": "rms",
        "max_sequence_length": 4096, "mlp_hidden_size": 48, "mlp_ratio": 4,
        "multi_query_attention": None, "n_heads": 4, "n_kv_heads": 4, "n_layers": 2,
        "rms_norm_eps": 1e-5, "rope": True, "rope_theta": 5e5, "scale_logits": False,
        "vocab_size": rows, "weight_tying": False, "eos_token_id": ids["<|endoftext|>"],
        "pad_token_id": ids["<|endoftext|>"], "mask_token_id": ids["<|mdm_mask|>"], **said,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    state: dict[str, Tensor] = {}
    for name, tensor in llama(rows).state_dict().items():
        for ours, theirs in RENAMED.items():
            name = name.replace(ours, theirs)
        state[name] = tensor.contiguous()
    save_file(state, folder / "model.safetensors")
    return folder


def save_dream(folder: Path) -> Path:
    folder.mkdir(parents=True)
    special = save_tokenizer(folder, DREAM_SPECIAL, CHATML, mask="<|mask|>")
    config = {
        "architectures": ["DreamModel"], "hidden_act": "silu", "hidden_size": 32,
        "intermediate_size": 48, "model_type": "Dream", "num_attention_heads": 4,
        "num_hidden_layers": 2, "num_key_value_heads": 2, "rms_norm_eps": 1e-6,
        "rope_scaling": None, "rope_theta": 1e6, "tie_word_embeddings": False,
        "use_sliding_window": False, "vocab_size": ROWS,
        "bos_token_id": special["<|endoftext|>"], "eos_token_id": special["<|endoftext|>"],
        "pad_token_id": special["<|endoftext|>"], "mask_token_id": special["<|mask|>"],
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    state = {name: tensor.contiguous() for name, tensor in qwen().state_dict().items()}
    save_file(state, folder / "model.safetensors")
    return folder


SAVE = {"llada": save_llada, "dream": save_dream}
REFERENCE = {"llada": llama, "dream": qwen}


def save_tokenizer(
    folder: Path,
    special: tuple[str, ...],
    template: str,
    *,
    bos: str | None = None,
    mask: str | None = None,
) -> dict[str, int]:
    """The ids of the special tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=BYTES_AND_MERGES,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.add_special_tokens(list(special))
    tokenizer.save(str(folder / "tokenizer.json"))
    ids = {token: int(tokenizer.token_to_id(token)) for token in special}
    flags = dict.fromkeys(("lstrip", "normalized", "rstrip", "single_word"), False)
    settings: dict[str, Any] = {
        "added_tokens_decoder": {
            str(i): {"content": token, **flags, "special": True} for token, i in ids.items()
        },
        "bos_token": bos,
        "chat_template": template,
        "eos_token": "<|endoftext|>",
        "pad_token": "<|endoftext|>",
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    if mask is not None:
        settings["mask_token"] = mask
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return ids
