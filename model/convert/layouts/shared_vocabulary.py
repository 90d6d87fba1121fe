"""The common part of MMaDA and Dynin-Omni: a LLaDA with media codes in its text vocabulary.

Codes start at the tokenizer's length, not at the padded number of rows. Tasks are selected by
special tokens, by name or by their place among the reserved ones. Chat template and tasks are not
in the folder: they are those of the published code. Sources: Yang et al. 2025 (MMaDA,
arXiv:2505.15809); Dynin-Omni (arXiv:2604.00007).
"""

from collections.abc import Callable
from dataclasses import replace
from math import isqrt

from tokenizers import Tokenizer

from model.config import CodeRows, FlowConfig, OmniConfig
from model.convert.layout import Layout
from model.convert.layouts.chat_template import Chat
from model.convert.layouts.llada import OUTSIDE, body, inner, place_of
from model.convert.layouts.masked_diffusion import layout, masked
from model.convert.layouts.qwen import ROWS
from model.convert.layouts.text_tokenizer import Exchange
from model.dialogue_format import Tasks
from model.loading.hf_folder import HfFolder
from model.tokenizers.text import (
    BEGIN_AUDIO,
    BEGIN_IMAGE,
    BEGIN_VIDEO,
    END_AUDIO,
    END_IMAGE,
    END_THINK,
    END_VIDEO,
    NUM_MARKERS,
    THINK,
)

TEMPLATE = (
    "{% for m in messages %}{% if loop.first %}{{ bos_token }}{% endif %}"
    "{{ '<|start_header_id|>' ~ m.role ~ '<|end_header_id|>\n' ~ m.content | trim }}<|eot_id|>"
    "{% endfor %}{{ '<|start_header_id|>assistant<|end_header_id|>\n' }}"
)
"""Chat template of both: LLaDA's, with one line break."""
PLACES = {"soi": 0, "eoi": 1, "t2i": 4, "mmu": 5, "i2i": 11}
SPEECH_PLACES = {"s2t": 12, "soa": 13, "eoa": 14, "t2s": 15}
FILM_PLACES = {"sov": 2, "eov": 3, "v2t": 16}
THOUGHT_PLACES = {"think": 21, "end_think": 22}
"""Places of the special tokens among the reserved ones."""
TRANSCRIBE, SAY = "Transcribe the given audio.", "Speak the given text."
"""Prompts for transcription and speech, one of several used in training Dynin-Omni."""
THINKS, AT_ONCE = "\\think", "\\no_think"
"""Tags that the authors append to a user's message."""
NUM_IMAGE, POSITIONS = 8192, 1024
"""Default number of codes and positions of an image."""
FRAMES, FRAME_PLACES = 5, 14 * 14
"""Frames of a video, and positions of a frame: 224 px."""
ROUNDED = 128
"""The number of rows is padded to a multiple of this."""
PICTURES = FlowConfig(steps=16, guidance_scale=3.5, choice_temperature=1.0)
SPOKEN, SPOKEN_BLOCK = 384, 128
"""Positions of the longest speech, and of the blocks that are decoded one after the other."""
SPEECH = FlowConfig(steps=128, mask_schedule="linear", block=SPOKEN_BLOCK)
SIZES = ("new_vocab_size", "vocab_size", "embedding_size")


def coded(
    kind: str,
    what: str,
    model_types: tuple[str, ...],
    *,
    num_audio: int,
    edits: bool,
    watches: bool,
    thinks: bool,
    block: int | None,
) -> Layout:
    """Return the layout of such a model. num_audio: speech codes after the image codes. edits: it
    edits images. watches: it takes videos. thinks: it can be told to think first. block: see
    `samplers.masked`."""

    def chat(source: HfFolder) -> Chat:
        speaks = num_audio > 0
        return _chat(source, edits=edits, speaks=speaks, watches=watches, thinks=thinks)

    def adopted(_: OmniConfig, source: HfFolder) -> OmniConfig:
        return _adopted(source, chat, num_audio=num_audio, block=block)

    return layout(kind, what, model_types, adopted, place_of, chat)


def _adopted(
    source: HfFolder, chat: Callable[[HfFolder], Chat], *, num_audio: int, block: int | None
) -> OmniConfig:
    backbone, _, tied = body(source)
    rows, spoken = _rows(source), chat(source)
    places = _number(source, "num_vq_tokens", POSITIONS)
    if isqrt(places) ** 2 != places:
        raise ValueError(f"{source.folder} has {places} positions a picture, which is no square")
    length = spoken.tokenizer.get_vocab_size()
    num_image = _number(source, "codebook_size", NUM_IMAGE)
    spare = rows - num_image - num_audio - length
    if not NUM_MARKERS <= spare < ROUNDED:
        raise ValueError(
            f"{source.folder} has {rows} rows, which do not fit {length} words, {num_image} codes "
            f"of pictures and {num_audio} of speech: use the tokenizer of the same checkpoint"
        )
    config = masked(source, backbone, rows, spoken.dialogue, tied=tied, block=block)
    code_rows = CodeRows(length + NUM_MARKERS, num_image, places, num_audio)
    tasks = spoken.dialogue.tasks
    assert tasks is not None
    if tasks.watches:
        code_rows = replace(code_rows, frames=FRAMES, frame_places=FRAME_PLACES)
    config = replace(config, code_rows=code_rows, image_flow=PICTURES, thinks=bool(tasks.thinks))
    return _spoken(config, spoken) if num_audio else config


def _spoken(config: OmniConfig, chat: Chat) -> OmniConfig:
    """Add the rows that end speech, and the sampling defaults of speech."""
    rows, tasks = config.code_rows, chat.dialogue.tasks
    assert rows is not None and tasks is not None
    last = chat.tokenizer.token_to_id(tasks.ends)
    assert last is not None
    return replace(
        config,
        code_rows=replace(rows, audio_ends=(END_AUDIO, chat.exchange.place(last))),
        audio_flow=SPEECH,
        audio_block=SPOKEN,
        audio_blocks=1,
    )


def _rows(source: HfFolder) -> int:
    """Return the number of rows of the shared vocabulary; stored tensor and config.json must
    agree."""
    said = [source.config[key] for key in SIZES if source.config.get(key) is not None]
    stored = [
        place.shape[0] for name, place in source.stored.items() if OUTSIDE.get(inner(name)) == ROWS
    ]
    rows = next(iter(stored + said), None)
    if rows not in said:
        raise ValueError(
            f"{source.folder} has {rows} rows of words and codes and its config.json says "
            f"{' or '.join(map(str, said)) or 'nothing'}: they are of different checkpoints"
        )
    assert isinstance(rows, int)
    return rows


def _number(source: HfFolder, key: str, otherwise: int) -> int:
    found = source.config.get(key)
    return found if isinstance(found, int) and found > 0 else otherwise


def _chat(source: HfFolder, *, edits: bool, speaks: bool, watches: bool, thinks: bool) -> Chat:
    """Read the format as `Chat.of`; add the tasks and the markers around image, speech, video,
    thought."""
    chat = Chat.of(source, TEMPLATE)
    places = PLACES | (SPEECH_PLACES if speaks else {}) | (FILM_PLACES if watches else {})
    places |= THOUGHT_PLACES if thinks else {}
    tokens = {t: _task_token(source, chat.tokenizer, t, place) for t, place in places.items()}
    names = {task: name for task, (name, _) in tokens.items()}
    first, last = (chat.named.get(f"{kind}_token") for kind in ("bos", "eos"))
    if first is None or chat.tokenizer.token_to_id(str(first)) is None:
        raise ValueError(f"{source.folder} has no token that begins a text: fetch its tokenizer")
    tasks = Tasks(names["mmu"], names["t2i"], names["i2i"] if edits else "", str(first), str(last))
    around = {BEGIN_IMAGE: tokens["soi"][1], END_IMAGE: tokens["eoi"][1]}
    if speaks:
        asks = {"transcribe": TRANSCRIBE, "say": SAY}
        tasks = replace(tasks, hears=names["s2t"], speaks=names["t2s"], **asks)
        around |= {BEGIN_AUDIO: tokens["soa"][1], END_AUDIO: tokens["eoa"][1]}
    if watches:
        tasks = replace(tasks, watches=names["v2t"])
        around |= {BEGIN_VIDEO: tokens["sov"][1], END_VIDEO: tokens["eov"][1]}
    if thinks:
        tasks = replace(tasks, thinks=THINKS, answers_at_once=AT_ONCE)
        around |= {THINK: tokens["think"][1], END_THINK: tokens["end_think"][1]}
    return replace(
        chat,
        dialogue=replace(chat.dialogue, tasks=tasks),
        exchange=Exchange({**chat.exchange.ids, **around}),
    )


def _task_token(source: HfFolder, tokenizer: Tokenizer, task: str, place: int) -> tuple[str, int]:
    """Return the special token of a task and its id: by name, or the reserved token at its place,
    counted from the first reserved token as in the published code."""
    added = tokenizer.get_added_tokens_decoder().items()
    special = {token.content: number for number, token in added if token.special}
    if (named := f"<|{task}|>") in special:
        return named, special[named]
    first, reserved = (f"<|reserved_token_{number}|>" for number in (0, place))
    if special.get(reserved, -1) - special.get(first, -1) != place or first not in special:
        raise ValueError(
            f"{source.folder} has no token {named}, and none reserved in its place ({reserved}): "
            "use the tokenizer of the same checkpoint"
        )
    return reserved, special[reserved]


MMADA = coded(
    "mmada",
    "MMaDA, masked diffusion over words and pictures",
    ("mmada",),
    num_audio=0,
    edits=False,
    watches=False,
    thinks=False,
    block=None,
)
DYNIN = coded(
    "dynin",
    "Dynin-Omni, any-to-any masked diffusion",
    ("dynin_omni", "dynin"),
    num_audio=4096,
    edits=True,
    watches=True,
    thinks=True,
    block=16,
)
