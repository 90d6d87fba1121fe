"""The probe's readout at each place, packed for the Lab's script."""

from base64 import b64encode

import numpy as np

from engine.inspection.probes import ProbeReadout


def pack_readout(believed: ProbeReadout) -> dict[str, object]:
    """Names, and for every step and place, row by row, bytes in base64: "object" and "colour", ids
    into the names, and "sure", 0 .. 255."""
    return {
        "objects": list(believed.objects),
        "colours": list(believed.colours),
        "object": _bytes(believed.object),
        "colour": _bytes(believed.colour),
        "sure": _bytes((believed.sure * 255).round()),
    }


def _bytes(values: np.ndarray) -> str:
    return b64encode(values.astype(np.uint8).tobytes()).decode()
