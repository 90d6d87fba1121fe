"""Named model sizes: the shipped one, the same tokenizers around SmolLM2's backbone, a tiny one for
tests, and two of the published size."""

from dataclasses import replace

from model.config import BackboneConfig, FlowConfig, HeadConfig, OmniConfig
from model.tokenizer_config import AudioConfig, VisionConfig
from model.tokenizers.text import NUM_MARKERS

PRESETS: dict[str, OmniConfig] = {
    "nano": OmniConfig(),
    "smollm": OmniConfig(
        name="smollm",
        backbone=BackboneConfig(
            width=576,
            layers=30,
            heads=9,
            kv_heads=3,
            head_dim=64,
            mlp_width=1536,
            rope_theta=100_000.0,
            norm_eps=1e-5,
            qkv_bias=False,
            shift_text=True,
        ),
        text_vocabulary=49_152 + NUM_MARKERS,
    ),
    "tiny": OmniConfig(
        name="tiny",
        vision=VisionConfig(
            image_px=32,
            cardinality=16,
            width=32,
            heads=2,
            encoder_layers=1,
            decoder_layers=1,
            conv_width=8,
        ),
        backbone=BackboneConfig(width=32, layers=2, heads=4, kv_heads=2, head_dim=8, mlp_width=64),
        image_head=HeadConfig(width=16, layers=1, heads=2, mlp_width=32),
        audio_head=HeadConfig(width=16, layers=1, heads=2, mlp_width=32),
        text_vocabulary=320,
        text_metric_dim=8,
        text_block=8,
        text_blocks=3,
        audio_block=4,
        audio_blocks=3,
        audio=AudioConfig(
            cardinality=16,
            mel_bins=20,
            encoder_width=16,
            encoder_heads=2,
            encoder_layers=2,
            width=16,
            slow_layers=1,
            fast_layers=1,
        ),
    ),
    "next_omni_7b": OmniConfig(
        name="next_omni_7b",
        vision=VisionConfig(
            image_px=256,
            cardinality=4096,
            width=1024,
            heads=16,
            encoder_layers=12,
            decoder_layers=12,
            conv_width=128,
            semantic_dim=768,
        ),
        backbone=BackboneConfig(
            width=3584,
            layers=28,
            heads=28,
            kv_heads=4,
            head_dim=128,
            mlp_width=18_944,
            rope_theta=1_000_000.0,
            shift_text=True,
        ),
        image_head=HeadConfig(width=1024, layers=6, heads=16, mlp_width=4096),
        audio_head=HeadConfig(width=1024, layers=4, heads=16, mlp_width=4096),
        text_vocabulary=152_064,
        text_block=64,
        text_blocks=16,
        audio=AudioConfig(
            cardinality=2048,
            mel_bins=128,
            encoder_width=1280,
            encoder_heads=20,
            encoder_layers=32,
            width=768,
            slow_layers=4,
            fast_layers=8,
        ),
        audio_blocks=15,
        image_flow=FlowConfig(guidance_scale=3.0),
        video_flow=FlowConfig(guidance_scale=3.0),
        text_flow=FlowConfig(steps=16),
        neighbours=False,
        time_aligned=False,
    ),
}
PRESETS["next_omni_7b_384"] = replace(
    PRESETS["next_omni_7b"],
    name="next_omni_7b_384",
    vision=replace(PRESETS["next_omni_7b"].required_vision, image_px=384),
)
