"""What the loaded checkpoint can do, read off `Engine.info`: the page shows that, and a sentence in
the place of the rest. Owns: `Abilities`."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.request import METHODS, Modality, SamplerKind


@dataclass(frozen=True)
class Abilities:
    """makes: the modalities of its answers. methods: of `METHODS`, those it was trained for. whole:
    whether it reads every turn of a conversation. watches: whether it can be shown a film."""

    makes: tuple[str, ...]
    methods: tuple[str, ...]
    whole: bool
    watches: bool = False

    @classmethod
    def of(cls, info: Mapping[str, object]) -> "Abilities":
        """Where nothing is said of samplers, all run."""
        makes, samplers, config = (info.get(k) for k in ("modalities", "samplers", "config"))
        trained = tuple(samplers) if isinstance(samplers, list) else tuple(SamplerKind)
        facts: Mapping[str, object] = config if isinstance(config, Mapping) else {}
        dialogue = facts.get("dialogue")
        return cls(
            tuple(map(str, makes)) if isinstance(makes, list) else (),
            tuple(m for m in METHODS if _sampler(m) in trained),
            isinstance(dialogue, Mapping) and bool(dialogue.get("whole")),
            bool(facts.get("video_frames")),
        )

    @property
    def draws(self) -> bool:
        """Whether it makes pictures, and sees them."""
        return Modality.IMAGE in self.makes

    @property
    def films(self) -> bool:
        """Whether it makes films; one that only watches and finds them cannot be asked for any."""
        return Modality.VIDEO in self.makes

    @property
    def flows(self) -> bool:
        """Whether flow matching runs on it."""
        return any(_sampler(m) == SamplerKind.FLOW for m in self.methods)


def _sampler(method: str) -> SamplerKind:
    """The kind of sampler of a method."""
    return SamplerKind(method) if method in tuple(SamplerKind) else SamplerKind.FLOW
