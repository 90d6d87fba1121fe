"""Every sampler under its name: the one place that the engine, the command line and the page read.

A new sampler is one file in this folder, with its `SamplerSpec`, and one line in `SAMPLERS`.
"""

from samplers import autoregressive, kinetic, masked
from samplers.sampler import SamplerSpec

SAMPLERS: dict[str, SamplerSpec] = {
    "flow": kinetic.SPEC,
    "masked": masked.SPEC,
    "autoregressive": autoregressive.SPEC,
}
"""Name -> sampler, in the order in which they are offered."""


def methods() -> tuple[str, ...]:
    """Return every name under which a sampler is offered: its variants, or its own."""
    return tuple(m for name, spec in SAMPLERS.items() for m in spec.variants or (name,))


def sampler_of(method: str) -> str:
    """Return the name in `SAMPLERS` of a method.

    Raises: ValueError where no sampler is offered under it.
    """
    for name, spec in SAMPLERS.items():
        if method == name or method in spec.variants:
            return name
    raise ValueError(f"there is no method {method[:40]!r}: choose one of {', '.join(methods())}")
