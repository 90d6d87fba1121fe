"""MMaDA or Dynin-Omni as published, beside what it is converted to."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from engine.api.conversation import Part
from engine.engine import Engine
from model.convert.__main__ import main
from model.convert.catalogue import LAYOUTS
from model.convert.layouts.text_tokenizer import Exchange
from model.loading.hf_folder import HfFolder
from model.tokenizers.text import MASKED
from tests.model import coded_models as published
from tests.model.masked_models import BYTES_AND_MERGES

KINDS = ("mmada", "dynin")
WORDS = BYTES_AND_MERGES + len(published.SPECIAL)
"""Length of the tokenizer: the row of the first code."""
USER = "<|start_header_id|>user<|end_header_id|>\n"
ASSISTANT = "<|start_header_id|>assistant<|end_header_id|>\n"
PICTURE = np.random.default_rng(3).integers(0, 255, (80, 70, 3), np.uint8)


@dataclass(frozen=True)
class Pair:
    """A source and what became of it, with its picture tokenizer."""

    kind: str
    source: Path
    engine: Engine
    exchange: Exchange

    @classmethod
    def dynin(cls, folder: Path, speech: str | None = None) -> "Pair":
        """Dynin-Omni without its picture tokenizer. speech: the command of its codec."""
        source = published.save("dynin", folder / "source")
        assert main(["dynin", str(source), str(folder / "out")]) == 0
        exchange = LAYOUTS["dynin"].exchange(HfFolder.open(source))
        return cls("dynin", source, Engine.load(folder / "out", "cpu", speech=speech), exchange)

    @classmethod
    def seeing(cls, kind: str, folder: Path) -> "Pair":
        """A source with its picture tokenizer."""
        source = published.save(kind, folder / "source")
        eyes = published.save_magvit(folder / "magvit")
        assert main([kind, str(source), str(folder / "out")]) == 0
        assert main(["magvit", str(eyes), str(folder / "out")]) == 0
        exchange = LAYOUTS[kind].exchange(HfFolder.open(source))
        return cls(kind, source, Engine.load(folder / "out", "cpu"), exchange)

    def ours(self, theirs: Sequence[int]) -> list[int]:
        return [self.exchange.place(i) for i in theirs]

    @property
    def at_once(self) -> str:
        """Behind the user's last words where nothing is said of thinking."""
        return " \\no_think" if self.kind == "dynin" else ""

    @property
    def mask(self) -> int:
        return self.exchange.ids[MASKED]

    def special(self, name: str) -> int:
        number = published.TASKS.get(name)
        wanted = name if number is None else f"<|reserved_token_{number}|>"
        return BYTES_AND_MERGES + published.SPECIAL.index(wanted)

    def encoded(self, text: str) -> list[int]:
        """Ids of the source, special tokens read as such."""
        tokenizer = Tokenizer.from_file(str(self.source / "tokenizer.json"))
        return tokenizer.encode(text, add_special_tokens=False).ids

    def seen(self, picture: np.ndarray) -> list[int]:
        """Rows of the source of a picture's codes."""
        codes = self.engine.encode(Part(image=picture)).tokens[:, 0]
        return (codes + WORDS).tolist()

    def drawing(self, words: str, masks: Sequence[int]) -> list[int]:
        around = [self.special(n) for n in ("t2i", "<|startoftext|>")]
        return [*around, *self.encoded(words), *self.behind(masks)]

    def behind(self, masks: Sequence[int]) -> list[int]:
        before = [self.special(n) for n in ("<|endoftext|>", "soi")]
        return [*before, *masks, self.special("eoi")]
