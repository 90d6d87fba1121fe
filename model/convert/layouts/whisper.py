"""Whisper: the audio encoder. Its sinusoidal positions are computed by
`model.tokenizers.whisper_encoder`; the decoder is not used. Source: Radford et al. 2022
(arXiv:2212.04356)."""

from model.config import OmniConfig
from model.convert.layout import UNUSED, Layout, agree
from model.loading.hf_folder import HfFolder
from model.tokenizers.whisper_encoder import sinusoids

PLACES = "encoder.embed_positions.weight"
TOLERANCE = 2e-3
"""Largest difference between a computed position and one stored in float16."""


def _adopted(config: OmniConfig, source: HfFolder) -> OmniConfig:
    if config.audio is None:
        raise ValueError(f"{config.name} neither hears nor speaks: choose another --preset")
    sizes = {
        "num_mel_bins": config.audio.mel_bins,
        "d_model": config.audio.encoder_width,
        "encoder_layers": config.audio.encoder_layers,
        "encoder_attention_heads": config.audio.encoder_heads,
        "encoder_ffn_dim": 4 * config.audio.encoder_width,
    }
    agree(source, source.config, sizes, config.name)
    if source.config.get("activation_function", "gelu") != "gelu":
        raise ValueError(f"{source.folder} does not activate with gelu, as Whisper does")
    return config


def _place_of(name: str, config: OmniConfig) -> str | None:
    inner = name.removeprefix("model.")
    if inner == PLACES or inner.startswith(("decoder.", "proj_out.")):
        return UNUSED
    return f"audio.{inner}" if inner.startswith("encoder.") else None


def _check(source: HfFolder) -> None:
    stored = [name for name in source.stored if name.removeprefix("model.") == PLACES]
    for _, places in source.read(stored):
        difference = (places.float() - sinusoids(*places.shape)).abs().max()
        if not float(difference) < TOLERANCE:
            raise ValueError(
                f"the positions of {source.folder} are no sines, which Whisper's are: "
                "convert a checkpoint that has Whisper's own"
            )


WHISPER = Layout(
    kind="whisper",
    what="Whisper model",
    model_types=("whisper",),
    fills=("audio.encoder.",),
    adopted=_adopted,
    place_of=_place_of,
    check=_check,
)
