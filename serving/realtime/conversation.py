"""The conversation of a session: its items in order, and what the model reads of them.

Owns: `Conversation`, `Item`, `Content`, and the words that were said until a moment. Does not own:
items as clients send them (`serving.realtime.item_forms`).
"""

import secrets
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from engine.api.conversation import Part, Turn
from engine.media.audio import SAMPLE_RATE
from engine.prompt.spoken_words import sayable
from serving.answers.answer_files import to_base64
from serving.errors import ApiError
from serving.realtime.settings import RATE_HZ

MOST_ITEMS, MOST_BYTES = 256, 32 * 2**20
"""Items of a conversation, and bytes of all together; the oldest go."""
ADDRESSES = {"input_image": "image_url", "output_image": "image_url", "output_video": "video_url"}
"""Content with something to see -> the name of its address."""


@dataclass
class Content:
    """One piece of an item. type: as OpenAI names it. text: its words, or of a sound what was heard
    or is said, None where that is not known. pcm: its sound as the client has it. part: what is
    seen or heard of it. address: of a picture or film. word_ends_s: see
    `engine.api.events.AudioChunk`."""

    type: str
    text: str | None = None
    pcm: bytes = b""
    part: Part | None = None
    address: str = ""
    word_ends_s: tuple[float, ...] = ()

    @property
    def parts(self) -> tuple[Part, ...]:
        """The piece as the model reads it: of sounds whose words are known, the words."""
        if self.type == "input_audio":
            assert self.part is not None
            return (replace(self.part, text=self.text or None),)
        if self.part is not None:
            return (self.part,)
        return (Part(text=self.text),) if self.text else ()

    @property
    def num_bytes(self) -> int:
        """The memory that it takes, about."""
        arrays = (self.part.image, self.part.video, self.part.audio) if self.part else ()
        seen = sum(array.nbytes for array in arrays if array is not None)
        return len(self.pcm) + len(self.address) + len(self.text or "") + seen

    @property
    def duration_s(self) -> float:
        """The length of its sound."""
        return len(self.pcm) / 2 / RATE_HZ

    def fields(self, *, whole: bool) -> dict[str, Any]:
        """Return it as the client gets it. whole: with its sound, picture or film."""
        found: dict[str, Any] = {"type": self.type}
        if self.type in ADDRESSES:
            return {**found, ADDRESSES[self.type]: self.address} if whole else found
        if self.type.endswith("_text"):
            return {**found, "text": self.text or ""}
        sound = {"audio": to_base64(self.pcm)} if whole else {}
        return {**found, "transcript": self.text, **sound}


@dataclass
class Item:
    """One message."""

    role: Literal["user", "assistant"]
    id: str
    content: list[Content] = field(default_factory=list)
    status: Literal["in_progress", "completed", "incomplete"] = "completed"

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts that the model reads."""
        return tuple(part for content in self.content for part in content.parts)

    def fields(self, *, whole: bool = False) -> dict[str, Any]:
        """Return it as the client gets it. whole: with its sounds, pictures and films."""
        return {
            "id": self.id,
            "object": "realtime.item",
            "type": "message",
            "status": self.status,
            "role": self.role,
            "content": [content.fields(whole=whole) for content in self.content],
        }


class Conversation:
    """The items of a session."""

    def __init__(self) -> None:
        self.id = new_id("conv")
        self.items: list[Item] = []

    @property
    def last_id(self) -> str | None:
        """The id of the last item."""
        return self.items[-1].id if self.items else None

    def add(self, item: Item, after: str | None = None) -> str | None:
        """Put an item behind that of an id, "root" is before all, None behind all; return the id of
        the one before. Raises: ApiError where its id is taken, or there is none to put it behind.
        """
        if any(one.id == item.id for one in self.items):
            message = f"The conversation has an item '{item.id}' already."
            raise ApiError(400, message, param="item.id", code="item_already_exists")
        place = len(self.items)
        if after is not None:
            found = after != "root" and self.find(after, "previous_item_id")
            place = self.items.index(found) + 1 if found else 0
        self.items.insert(place, item)
        return self.items[place - 1].id if place else None

    def find(self, item_id: str, param: str = "item_id") -> Item:
        """Return the item of an id. Raises: ApiError where there is none."""
        found = next((item for item in self.items if item.id == item_id), None)
        if found is None:
            message = f"The conversation has no item '{item_id[:80]}'."
            raise ApiError(404, message, param=param, code="item_not_found")
        return found

    def crowded_out(self) -> list[Item]:
        """Return the oldest items, which are too many, and forget them."""
        gone: list[Item] = []
        num_bytes = sum(_num_bytes(item) for item in self.items)
        while len(self.items) > 1 and (len(self.items) > MOST_ITEMS or num_bytes > MOST_BYTES):
            num_bytes -= _num_bytes(self.items[0])
            gone.append(self.items.pop(0))
        return gone

    def delete(self, item_id: str) -> None:
        """Forget an item. Raises: ApiError where it is none, or is being made."""
        self.items.remove(self._at_rest(item_id))

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """Cut a spoken answer where its playback stopped. Raises: ApiError where it is none, is
        being made, or has not been that long."""
        item = self._at_rest(item_id)
        if item.role != "assistant":
            message = "Only what the model said is cut: name an item of the assistant."
            raise ApiError(400, message, param="item_id", code="invalid_value")
        spoken = item.content[content_index : content_index + 1] if content_index >= 0 else []
        if not spoken or spoken[0].type != "output_audio":
            message = f"Item '{item_id[:80]}' has no sound at {content_index}."
            raise ApiError(400, message, param="content_index", code="invalid_value")
        (sound,) = spoken
        if not 0 <= audio_end_ms <= 1000 * sound.duration_s:
            message = f"That sound has {1000 * sound.duration_s:.0f} ms, not {audio_end_ms}."
            raise ApiError(400, message, param="audio_end_ms", code="invalid_value")
        end_s = audio_end_ms / 1000
        sound.text = said_until(sound, end_s)
        sound.word_ends_s = tuple(at_s for at_s in sound.word_ends_s if at_s <= end_s)
        sound.pcm = sound.pcm[: 2 * round(end_s * RATE_HZ)]
        del item.content[content_index + 1 :]

    def turns(self) -> tuple[Turn, ...]:
        """Return what the model reads. Pictures of the user that came without a word belong to the
        message behind them, which is how it was trained."""
        found: list[Turn] = []
        shown: tuple[Part, ...] = ()
        for item in self.items:
            parts = item.parts
            if not parts:
                continue
            waits = item.role == "user" and all(part.is_seen for part in parts)
            fits = item.role == "user" and not any(part.is_seen for part in parts)
            if shown and not fits:
                found.append(Turn("user", shown))
            if waits:
                shown = parts
                continue
            found.append(Turn(item.role, (*shown, *parts) if fits else parts))
            shown = ()
        return (*found, Turn("user", shown)) if shown else tuple(found)

    def unheard(self) -> tuple[Item, int] | None:
        """Return where the last speech is whose words are not known, with the number of the piece;
        None where the last message is none."""
        for item in self.items[-1:]:
            for number, content in enumerate(item.content):
                if content.type == "input_audio" and content.text is None:
                    return item, number
        return None

    def _at_rest(self, item_id: str) -> Item:
        item = self.find(item_id)
        if item.status == "in_progress":
            message = "This item is being made: cancel the response first."
            raise ApiError(409, message, param="item_id", code="item_in_progress")
        return item


def new_id(kind: str) -> str:
    """Return an id that nobody guesses."""
    return f"{kind}_{secrets.token_hex(12)}"


def said_until(sound: Content, end_s: float) -> str:
    """Return the words of a spoken answer that end by then; where the checkpoint does not say when
    words end, that share of them."""
    words = (sound.text or "").split()
    if end_s >= sound.duration_s - 1 / SAMPLE_RATE:
        return " ".join(words)
    if not sound.word_ends_s:
        return " ".join(words[: int(len(words) * end_s / sound.duration_s)])
    return first_spoken(sound.text or "", sum(at_s <= end_s for at_s in sound.word_ends_s))


def first_spoken(text: str, num_spoken: int) -> str:
    """Return the beginning of a text that is so many words when it is said: "12%" is two."""
    words, said = text.split(), 0
    for place, word in enumerate(words):
        said += len((sayable(word) or "").split())
        if said > num_spoken:
            return " ".join(words[:place])
    return " ".join(words)


def _num_bytes(item: Item) -> int:
    return sum(content.num_bytes for content in item.content)
