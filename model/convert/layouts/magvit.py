"""MAGVIT-v2: the image tokenizer of a checkpoint with a shared vocabulary.

It is added to a complete checkpoint and changes nothing else there. Sizes are read from its
tensors. Not used: the table of bits, which is computed here and compared. Source:
`showlab/magvitv2`.
"""

import re
from dataclasses import replace
from math import isqrt

import torch

from model.config import CodeRows, OmniConfig
from model.convert.layout import UNUSED, Layout
from model.loading.hf_folder import HfFolder
from model.tokenizer_config import PATCH_PX, MagvitConfig, VisionConfig
from model.tokenizers.magvit import LookupFree

LEVELS = 5
"""Number of levels; each but the last halves the side, so that 16 px become one position."""
BITS = "encoder.quant_conv.weight"
TABLE = "quantize.embedding"
COMPUTED = (TABLE, "quantize.power_vals")


def _joined(source: HfFolder) -> OmniConfig:
    """Return a small config with as many image codes as the source has."""
    bits = source.stored[BITS].shape[0] if BITS in source.stored else 1
    return OmniConfig(
        vision=None, audio=None, video_frames=0, code_rows=CodeRows(0, 2**bits, LEVELS**2)
    )


def _adopted(config: OmniConfig, source: HfFolder) -> OmniConfig:
    rows = config.code_rows
    if rows is None:
        raise ValueError(
            f"{config.name} has no rows for codes of pictures: convert mmada or dynin into the "
            "folder first"
        )
    widths = {side: _levels(source, side) for side in ("encoder.down", "decoder.up")}
    if any(len(levels) != LEVELS for levels in widths.values()) or BITS not in source.stored:
        raise ValueError(f"{source.folder} is no MAGVIT-v2 of {LEVELS} levels: fetch it again")
    bits = source.stored[BITS].shape[0]
    if 2**bits != rows.num_image:
        raise ValueError(
            f"{source.folder} has codes of {bits} bits, and {config.name} rows for "
            f"{rows.num_image} codes: choose the picture tokenizer that it was trained with"
        )
    (seen, seeing), (drawn, drawing) = (zip(*levels, strict=True) for levels in widths.values())
    vision = VisionConfig(
        image_px=PATCH_PX * isqrt(rows.places),
        num_codebooks=1,
        cardinality=rows.num_image,
        code_dim=bits,
        magvit=MagvitConfig(seen, seeing, drawn, drawing),
    )
    return replace(config, vision=vision, video_frames=rows.frames)


def _levels(source: HfFolder, side: str) -> list[tuple[int, int]]:
    """Return the width and the number of blocks of each level."""
    pattern = re.compile(rf"{re.escape(side)}\.(\d+)\.block\.(\d+)\.conv2\.weight")
    found: dict[int, list[int]] = {}
    for name, place in source.stored.items():
        if matched := pattern.fullmatch(name):
            found.setdefault(int(matched[1]), []).append(place.shape[0])
    return [(found[level][0], len(found[level])) for level in sorted(found)]


def _place_of(name: str, config: OmniConfig) -> str | None:
    if name in COMPUTED:
        return UNUSED
    return f"vision.magvit.{name}" if name.startswith(("encoder.", "decoder.")) else None


def _check(source: HfFolder) -> None:
    for _, table in source.read([TABLE] if TABLE in source.stored else []):
        codes = torch.arange(len(table))[None, :, None]
        if not torch.equal(LookupFree(table.shape[-1]).decode(codes)[0], table.float()):
            raise ValueError(
                f"the codes of {source.folder} are not bits from the highest to the lowest, which "
                "MAGVIT-v2's are: fetch it again"
            )


MAGVIT = Layout(
    kind="magvit",
    what="MAGVIT-v2 picture tokenizer",
    model_types=("MAGVITv2",),
    fills=("vision.",),
    adopted=_adopted,
    place_of=_place_of,
    joins=True,
    joined=_joined,
    check=_check,
)
