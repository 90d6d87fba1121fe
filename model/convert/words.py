"""The text tokenizer of a published checkpoint with our markers in front.

Every id of theirs moves `NUM_MARKERS` up, as its row does. Their tokens keep their bytes and
merges: text is cut as they cut it.
"""

import json
from pathlib import Path

from tokenizers import Tokenizer

from model.text import MARKERS, NUM_MARKERS, TextTokenizer

FILE = "tokenizer.json"


def with_markers(file: Path, cardinality: int) -> TextTokenizer:
    """The tokenizer in `file` (Hugging Face's JSON, byte-level BPE), moved behind our markers.

    Raises: ValueError where the file is missing or broken, holds another kind of tokenizer, or has
    more entries than fit into `cardinality` rows.
    """
    if not file.is_file():
        raise ValueError(f"{file} is missing: fetch it beside the weights")
    try:
        whole = json.loads(file.read_text())
        words, added = whole["model"]["vocab"], whole["added_tokens"]
        moved = {token: number + NUM_MARKERS for token, number in words.items()}
        others = [{**t, "id": t["id"] + NUM_MARKERS} for t in added if t["content"] not in MARKERS]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(
            f"{file} is no byte-level BPE tokenizer ({error}): fetch it again"
        ) from error
    if set(MARKERS) & set(moved):
        raise ValueError(f"{file} has words that are our markers: use the tokenizer of Qwen2")
    whole["model"]["vocab"] = {**{m: i for i, m in enumerate(MARKERS)}, **moved}
    whole["added_tokens"] = [_marker(i, m) for i, m in enumerate(MARKERS)] + others
    whole["post_processor"] = None
    try:
        tokenizer = Tokenizer.from_str(json.dumps(whole))
    except Exception as error:  # the library raises its bare Exception for a broken file
        raise ValueError(f"{file} is not a text tokenizer: {error}") from error
    for token in others:
        if tokenizer.token_to_id(token["content"]) != token["id"]:
            raise ValueError(f"{file} leaves gaps between its words: use the tokenizer of Qwen2")
    return TextTokenizer(tokenizer, cardinality)


def _marker(number: int, content: str) -> dict[str, object]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": number, "content": content, **flags, "special": True}
