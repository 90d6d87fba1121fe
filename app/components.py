"""The gr.HTML components whose inside is drawn by `static/`: a mount point, and which function of
`static/main.js` fills it.

Their templates never change, so a new value reaches the script's `watch` without redrawing
anything.
"""

from collections.abc import Callable, Mapping
from html import escape

import gradio as gr

from app.scripts import mount

GRID = 8
"""Patches along a side of a picture to paint on."""
MOUNT = "<div class='omni-mount'></div>"


def live_view(value: dict[str, object] | None, elem_id: str) -> gr.HTML:
    """A run as it forms. value: {"run": id, "messages": fallback}, {"replay": trace}, or
    {"replay_at": address} of a trace that is fetched when it is first seen."""
    return gr.HTML(
        value,
        html_template=MOUNT,
        js_on_load=mount("mountLive", "props, trigger, watch", "again"),
        elem_id=elem_id,
        apply_default_css=False,
    )


def lab_view(
    elem_id: str,
    server: Mapping[str, Callable[[Mapping[str, object]], object]],
    value: dict[str, object] | None,
) -> gr.HTML:
    """Runs as they are recorded, then the recorded runs. value: {"runs": [{"run": id, "messages":
    fallback}]} or {"lab": [`inspection.overview`]}; server: look_at (a place), exported (a wish)
    and believed (a part of a run). The event `branch` says where to go on from."""

    def look_at(place: Mapping[str, object]) -> object:
        return server["look_at"](place)

    def exported(wish: Mapping[str, object]) -> object:
        return server["exported"](wish)

    def believed(part: Mapping[str, object]) -> object:
        return server["believed"](part)

    return gr.HTML(
        value,
        html_template=MOUNT,
        js_on_load=mount("mountLab", "props, trigger, watch, server", "branch"),
        server_functions=[look_at, exported, believed],
        elem_id=elem_id,
        apply_default_css=False,
    )


def conversation(value: dict[str, object], name: str) -> gr.HTML:
    """A conversation with live answers; its value is `app.chat.history.as_value`. name: of its tab.

    The event `press` carries the words of a suggestion (text), `rewrite` a message of the visitor's
    written anew (turn, text), `remove` says which one goes (turn), `again` asks for another last
    answer, and `keep` for the turns that the browser has not kept yet (known: the keys of the
    others)."""
    return gr.HTML(
        value,
        html_template=MOUNT,
        js_on_load=mount(
            "mountConversation",
            f"props, trigger, watch, {name!r}",
            *("press", "rewrite", "remove", "again", "keep"),
        ),
        elem_id=f"{name}-talk",
        apply_default_css=False,
    )


def microphone(elem_id: str) -> gr.HTML:
    """A button to talk. The event `spoken` carries the samples (pcm: base64 of 16-bit integers at
    16 kHz), `hush` says that somebody begins to speak."""
    return gr.HTML(
        html_template=MOUNT,
        js_on_load=mount("mountMicrophone", "trigger", "spoken", "hush"),
        elem_id=elem_id,
        apply_default_css=False,
    )


def mask_editor(elem_id: str) -> gr.HTML:
    """A picture to change. The event `painted` carries it (picture: a PNG as a data URI, square, or
    None) and the numbers of the `GRID` x `GRID` patches that may change (patches)."""
    return gr.HTML(
        html_template=MOUNT,
        js_on_load=mount("mountMaskEditor", "trigger", "painted"),
        elem_id=elem_id,
        apply_default_css=False,
    )


def chips(texts: tuple[str, ...], label: str, elem_id: str) -> gr.HTML:
    """Prompts to press; the event `press` carries the text."""
    buttons = "".join(
        f"<button type='button' class='omni-chip'>{escape(t)}</button>" for t in texts
    )
    return gr.HTML(
        html_template=f"<div class='omni-chips' role='group' aria-label='{label}'>{buttons}</div>",
        js_on_load=mount("mountChips", "trigger", "press"),
        elem_id=elem_id,
        apply_default_css=False,
    )


def notice(elem_id: str) -> gr.HTML:
    """The place of an error message, right beside its control."""
    return gr.HTML("", elem_id=elem_id, elem_classes="omni-notice", apply_default_css=False)
