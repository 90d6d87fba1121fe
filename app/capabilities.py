"""The capabilities of the loaded checkpoint, read off `Engine.info`: the page shows these, and a
sentence in the place of the rest. Owns: `Capabilities`."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from engine.api.request import USUAL_PROMPT_CHARACTERS, Modality
from engine.api.sampling import SAMPLERS, methods, sampler_of


@dataclass(frozen=True)
class Capabilities:
    """makes: the modalities of its answers. methods: names of samplers that it can run.
    whole:
    whether it reads every turn of a conversation. opens: whether its words may open a picture, or
    else a picture is asked for. lacking: why it does not know a modality that it was trained for.
    steps, guidance, temperature: of a picture, where nothing is said; words_steps: of words. edits:
    whether it changes the pictures that it is shown. frames: how many it sees of a film, 0 where it
    watches none. prompt_characters: of the longest prompt. styles: how it can speak, the usual way
    first; none where there is no choice. finds: whether it finds by meaning, and so can choose a
    draft. believes: whether its middle can be asked what is where. facts: how it was made.
    config: its own, as plain values."""

    makes: tuple[str, ...]
    methods: tuple[str, ...]
    reads_all_turns: bool
    opens_media: bool
    lacking: Mapping[str, str]
    steps: int
    guidance: float
    temperature: float
    words_steps: int
    edits_images: bool
    frames: int
    prompt_characters: int
    styles: tuple[str, ...]
    finds: bool
    believes: bool
    facts: Mapping[str, Any]
    config: Mapping[str, Any]

    @classmethod
    def of(cls, info: Mapping[str, object]) -> "Capabilities":
        """Read `Engine.info`: without samplers in it all run, without a prompt length the usual
        one."""
        makes, samplers = info.get("modalities"), info.get("samplers")
        longest, styles = info.get("prompt_characters"), info.get("styles")
        trained = tuple(samplers) if isinstance(samplers, list) else tuple(SAMPLERS)
        config = _inside(info, "config")
        dialogue, picture = _inside(config, "dialogue"), _inside(config, "image_flow")
        tasks, frames = _inside(dialogue, "tasks"), config.get("video_frames")
        return cls(
            makes=tuple(map(str, makes)) if isinstance(makes, list) else (),
            methods=tuple(m for m in methods() if SAMPLERS[sampler_of(m)].trained_as in trained),
            reads_all_turns=bool(dialogue.get("whole")),
            opens_media=not tasks,
            lacking={kind: str(why) for kind, why in _inside(info, "lacking").items()},
            steps=picture.get("steps", 16),
            guidance=picture.get("guidance_scale", 1.0),
            temperature=picture.get("temperature", 1.0),
            words_steps=_inside(config, "text_flow").get("steps", 12),
            edits_images=not tasks or bool(tasks.get("edits")),
            frames=frames if isinstance(frames, int) else 0,
            prompt_characters=longest if isinstance(longest, int) else USUAL_PROMPT_CHARACTERS,
            styles=tuple(map(str, styles)) if isinstance(styles, list) else (),
            finds=bool(info.get("finds")),
            believes=bool(info.get("believes")),
            facts=_inside(info, "facts"),
            config=config,
        )

    def defaults(self, kind: str) -> Mapping[str, Any]:
        """Return the checkpoint's own settings for a kind of answer, by the names of `Sampling`;
        for "auto" those of a picture, or of words where it draws none. Empty where there are
        none."""
        auto = Modality.IMAGE if self.makes_images else Modality.TEXT
        own = _inside(self.config, f"{auto if kind == 'auto' else kind}_flow")
        return own if self.has_flow else {**own, "transition": self.methods[0]}

    def missing_reason(self, modality: str, otherwise: str = "") -> str:
        """Return the reason for a missing modality, as HTML that continues a sentence."""
        found = self.lacking.get(modality)
        return f": {escape(found).replace('`', '')}" if found else otherwise

    @property
    def makes_images(self) -> bool:
        """Return whether it makes pictures, and sees them."""
        return Modality.IMAGE in self.makes

    @property
    def sees_video(self) -> bool:
        """Return whether a message may hold a film."""
        return self.frames > 0

    @property
    def joins_media(self) -> bool:
        """Return whether it answers questions about a sound and a picture at once; one that has a
        task for each is asked about one of them."""
        return self.opens_media

    @property
    def makes_video(self) -> bool:
        """Return whether it makes films; one that only watches and finds them cannot be asked for
        any."""
        return Modality.VIDEO in self.makes

    @property
    def has_flow(self) -> bool:
        """Return whether flow matching runs on it."""
        return any(sampler_of(m) == "flow" for m in self.methods)


def _inside(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The values of that name, or none."""
    found = values.get(key)
    return found if isinstance(found, Mapping) else {}
