"""The conversation format of a published chat model, read from its tokenizer files.

The tokens that end a turn, pad and mask are read from tokenizer_config.json and config.json, which
must agree with the tokenizer. The text around messages is found by rendering a sample conversation
with the model's own chat template. Owns: `Chat`.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer

from model.convert.layouts.text_tokenizer import SETTINGS, Exchange, published
from model.dialogue_format import Dialogue
from model.loading.hf_folder import HfFolder, read_config
from model.prompt_template import Message, layout
from model.tokenizers.text import EOS, MASKED, PAD, TextTokenizer

TEMPLATE = "chat_template.jinja"
ASKED = (" What is red? ", " A heart.\n", "\nAnd blue? 12 + 7, <b>")
"""Messages of the sample conversation."""


@dataclass(frozen=True)
class Chat:
    """The conversation format of a source.

    dialogue: text around the messages. exchange: source tokens that replace our markers: its end of
    turn <eos>, its padding <pad>, and its mask token. named: special tokens by name, for the
    template.
    """

    dialogue: Dialogue
    exchange: Exchange
    template: str
    named: Mapping[str, Any]
    tokenizer: Tokenizer

    @classmethod
    def of(cls, source: HfFolder, template: str | None = None) -> "Chat":
        """Read the format of a source. template: replaces the one in the tokenizer's files.

        Raises: ValueError where those files are missing, do not agree, or have no chat template.
        """
        settings = read_config(source.folder, SETTINGS)
        whole = published(source.folder)
        whole["model"]["vocab"] |= {t["content"]: t["id"] for t in whole["added_tokens"]}
        tokenizer = _tokenizer(source, whole)
        special = {t["content"] for t in whole["added_tokens"] if t.get("special")}
        _check_ids(source, settings, tokenizer)
        template = _template(source, settings) if template is None else template
        named = {key: _content(value) for key, value in settings.items() if key.endswith("_token")}
        found = _dialogue(source, template, named, special)
        exchange = _exchange(source, named, tokenizer, special, found.closes)
        return cls(found, exchange, template, named, tokenizer)

    def check(self, source: HfFolder, ours: TextTokenizer) -> None:
        """Compare our layout of sample conversations with the source's.

        Raises: ValueError where the token ids differ.
        """
        plain = replace(self.dialogue, tasks=None)
        for turns in (ASKED[:1], ASKED):
            theirs = self.tokenizer.encode(
                _rendered(source, self.template, self.named, turns), add_special_tokens=False
            )
            messages = [Message(i % 2 == 0, (words,)) for i, words in enumerate(turns)]
            (span,) = layout(ours, messages, dialogue=plain)
            if span.tokens[:, 0].tolist() != [self.exchange.place(i) for i in theirs.ids]:
                raise ValueError(
                    f"the chat template of {source.folder} lays out conversations in a way that "
                    "is not supported"
                )


def _tokenizer(source: HfFolder, whole: dict[str, Any]) -> Tokenizer:
    try:
        return Tokenizer.from_str(json.dumps({**whole, "post_processor": None}))
    except Exception as error:  # the library raises its bare Exception for a broken file
        raise ValueError(f"{source.folder} has no whole text tokenizer: {error}") from error


def _check_ids(source: HfFolder, settings: Mapping[str, Any], tokenizer: Tokenizer) -> None:
    added = settings.get("added_tokens_decoder") or {}
    if not isinstance(added, dict) or not all(map(_is_token, added.items())):
        raise ValueError(
            f"{source.folder}/{SETTINGS} has an added_tokens_decoder that is no table of tokens by "
            "their numbers: fetch it again"
        )
    for number, token in added.items():
        if tokenizer.token_to_id(token["content"]) != int(number):
            raise ValueError(
                f"{source.folder}/{SETTINGS} has {token['content']} at {number} and its tokenizer "
                f"at {tokenizer.token_to_id(token['content'])}: they are of different checkpoints"
            )


def _is_token(item: tuple[str, Any]) -> bool:
    number, token = item
    words = token.get("content") if isinstance(token, dict) else None
    return number.isdecimal() and isinstance(words, str)


def _template(source: HfFolder, settings: Mapping[str, Any]) -> str:
    file = source.folder / TEMPLATE
    found = file.read_text() if file.is_file() else settings.get("chat_template")
    if not isinstance(found, str):
        raise ValueError(
            f"{source.folder} has no chat template: convert the checkpoint that was tuned for "
            "conversations (Instruct)"
        )
    return found


def _content(token: Any) -> Any:
    return token.get("content") if isinstance(token, dict) else token


def _rendered(
    source: HfFolder, template: str, named: Mapping[str, Any], turns: Sequence[str]
) -> str:
    """Render a conversation up to the point where the next answer begins."""
    roles = ("user", "assistant")
    messages = [{"role": roles[i % 2], "content": words} for i, words in enumerate(turns)]
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    try:
        return environment.from_string(template).render(
            **named, messages=messages, add_generation_prompt=True
        )
    except (TemplateError, TypeError) as error:
        raise ValueError(f"the chat template of {source.folder} fails: {error}") from error


def _dialogue(
    source: HfFolder, template: str, named: Mapping[str, Any], special: set[str]
) -> Dialogue:
    """Derive the format from the template's text around and between three sample messages."""
    said = [f"  ({word})  " for word in ("first", "second", "third")]
    text = _rendered(source, template, named, said)
    trims = not all(words in text for words in said)
    around: list[str] = []
    for words in said:
        before, found, text = text.partition(words.strip() if trims else words)
        around += [before] if found else []
    if len(around) < len(said):
        raise ValueError(f"the chat template of {source.folder} leaves out what was said")
    first, answers, asks = around
    closes = _closes(answers, special)
    user, assistant = asks.removeprefix(closes), answers.removeprefix(closes)
    alike = asks.startswith(closes) and first.endswith(user) and text == answers
    if not closes or not alike:
        raise ValueError(
            f"the chat template of {source.folder} marks its turns in a way that is not supported"
        )
    return Dialogue(first.removesuffix(user), user, assistant, closes, trims, whole=True)


def _closes(between: str, special: set[str]) -> str:
    """Return the special token that ends a turn, with the plain text after it."""
    pieces = [p for p in re.split(f"({'|'.join(map(re.escape, special))})", between) if p]
    if not pieces or pieces[0] not in special:
        return ""
    return pieces[0] + (pieces[1] if len(pieces) > 1 and pieces[1] not in special else "")


def _exchange(
    source: HfFolder,
    named: Mapping[str, Any],
    tokenizer: Tokenizer,
    special: set[str],
    closes: str,
) -> Exchange:
    end = tokenizer.token_to_id(max((t for t in special if closes.startswith(t)), key=len))
    last, fill = (_agreed(source, named, tokenizer, kind) for kind in ("eos", "pad"))
    mask = _mask(source, named, tokenizer, special)
    if len({end, last, fill}) > 2 or mask in (end, last, fill):
        raise ValueError(
            f"{source.folder} ends a turn, a text and what fills it by three different tokens, or "
            "masks by one of them, which is not supported"
        )
    ids = {EOS: end, MASKED: mask}
    filling = {last, fill} - {end}
    return Exchange(ids | {PAD: filling.pop()} if filling else ids)


def _agreed(source: HfFolder, named: Mapping[str, Any], tokenizer: Tokenizer, kind: str) -> int:
    """Return the id of a token on which config.json and the tokenizer agree."""
    number, name = source.config.get(f"{kind}_token_id"), named.get(f"{kind}_token")
    found = None if name is None else tokenizer.token_to_id(str(name))
    if found is None or number != found:
        raise ValueError(
            f"{source.folder}/config.json has {kind}_token_id {number} and its tokenizer {found} "
            f"({name}): they are of different checkpoints"
        )
    return found


def _mask(
    source: HfFolder, named: Mapping[str, Any], tokenizer: Tokenizer, special: set[str]
) -> int:
    number = source.config.get("mask_token_id")
    name = tokenizer.id_to_token(number) if isinstance(number, int) and number >= 0 else None
    wanted = named.get("mask_token")
    masks = name in special and (name == wanted if wanted else "mask" in str(name).lower())
    if not masks:
        raise ValueError(
            f"{source.folder}/config.json masks by the id {number}, which is {name} in its "
            "tokenizer: they are of different checkpoints"
        )
    assert isinstance(number, int)
    return number
