"""What the loaded checkpoint can do, read off `Engine.info`: the page shows that, and a sentence in
the place of the rest. Owns: `Abilities`."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.request import METHODS, USUAL_PROMPT_CHARACTERS, Modality, SamplerKind


@dataclass(frozen=True)
class Abilities:
    """makes: the modalities of its answers. methods: of `METHODS`, those it was trained for. whole:
    whether it reads every turn of a conversation. prompt_characters: of the longest prompt."""

    makes: tuple[str, ...]
    methods: tuple[str, ...]
    whole: bool
    prompt_characters: int

    @classmethod
    def of(cls, info: Mapping[str, object]) -> "Abilities":
        """Where nothing is said of samplers, all run; of prompts, they are as long as usual."""
        makes, samplers, config = (info.get(k) for k in ("modalities", "samplers", "config"))
        longest = info.get("prompt_characters")
        trained = tuple(samplers) if isinstance(samplers, list) else tuple(SamplerKind)
        dialogue = config.get("dialogue") if isinstance(config, Mapping) else None
        return cls(
            tuple(map(str, makes)) if isinstance(makes, list) else (),
            tuple(m for m in METHODS if _sampler(m) in trained),
            isinstance(dialogue, Mapping) and bool(dialogue.get("whole")),
            longest if isinstance(longest, int) else USUAL_PROMPT_CHARACTERS,
        )

    @property
    def draws(self) -> bool:
        """Whether it makes pictures, and sees them."""
        return Modality.IMAGE in self.makes

    @property
    def films(self) -> bool:
        """Whether it makes films; one that only finds them cannot be asked for any."""
        return Modality.VIDEO in self.makes

    @property
    def flows(self) -> bool:
        """Whether flow matching runs on it."""
        return any(_sampler(m) == SamplerKind.FLOW for m in self.methods)


def _sampler(method: str) -> SamplerKind:
    """The kind of sampler of a method."""
    return SamplerKind(method) if method in tuple(SamplerKind) else SamplerKind.FLOW
