"""The backbone against transformers' Qwen2, and its laws about padding and batching."""

import pytest
import torch
from transformers import Qwen2Config, Qwen2Model

from model.config import BackboneConfig
from model.network.backbone import Backbone

CONFIG = BackboneConfig(
    width=32, layers=3, heads=4, kv_heads=2, head_dim=8, mlp_width=48, rope_theta=1e6
)


def _randomised(backbone: Backbone) -> Backbone:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in backbone.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return backbone.eval()


def _qwen2(backbone: Backbone) -> Qwen2Model:
    theirs = Qwen2Model(
        Qwen2Config(
            vocab_size=8,
            hidden_size=CONFIG.width,
            intermediate_size=CONFIG.mlp_width,
            num_hidden_layers=CONFIG.layers,
            num_attention_heads=CONFIG.heads,
            num_key_value_heads=CONFIG.kv_heads,
            head_dim=CONFIG.head_dim,
            rope_parameters={"rope_type": "default", "rope_theta": CONFIG.rope_theta},
            rms_norm_eps=CONFIG.norm_eps,
            attn_implementation="eager",
        )
    ).eval()
    missing, unexpected = theirs.load_state_dict(backbone.state_dict(), strict=False)
    assert set(missing) == {"embed_tokens.weight"}
    assert not unexpected
    return theirs


def test_equals_qwen2_with_a_causal_mask() -> None:
    backbone = _randomised(Backbone(CONFIG))
    x = torch.randn(2, 11, CONFIG.width, generator=torch.Generator().manual_seed(1))
    valid = torch.ones(2, 11, dtype=torch.bool)
    with torch.inference_mode():
        ours = backbone(x, valid, causal=True)
        theirs = _qwen2(backbone)(inputs_embeds=x, use_cache=False).last_hidden_state
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("gap", [0, 4, 9])
def test_padding_changes_nothing(causal: bool, gap: int) -> None:
    """Invalid positions, wherever they stand, are as if they were not there."""
    backbone = _randomised(Backbone(CONFIG))
    x = torch.randn(1, 9, CONFIG.width, generator=torch.Generator().manual_seed(2))
    padded = torch.cat([x[:, :gap], torch.full((1, 3, CONFIG.width), 7.0), x[:, gap:]], 1)
    valid = torch.ones(1, 12, dtype=torch.bool)
    valid[:, gap : gap + 3] = False
    with torch.inference_mode():
        plain = backbone(x, torch.ones(1, 9, dtype=torch.bool), causal=causal)
        with_gap = backbone(padded, valid, causal=causal)[valid][None]
    torch.testing.assert_close(plain, with_gap, atol=1e-5, rtol=1e-5)


def test_bidirectional_sees_the_future_and_causal_does_not() -> None:
    backbone = _randomised(Backbone(CONFIG))
    x = torch.randn(1, 6, CONFIG.width, generator=torch.Generator().manual_seed(3))
    other = x.clone()
    other[:, -1] += 1
    valid = torch.ones(1, 6, dtype=torch.bool)
    with torch.inference_mode():
        causal = (backbone(x, valid, causal=True) - backbone(other, valid, causal=True)).abs()
        both = (backbone(x, valid) - backbone(other, valid)).abs()
    assert float(causal[:, :-1].max()) == 0.0
    assert float(both[:, 0].max()) > 1e-4
