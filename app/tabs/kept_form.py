"""Forms that survive a reload: the browser keeps what is in them (`static/page/kept_form.js`)."""

from collections.abc import Sequence
from typing import Any

import gradio as gr

from app.scripts import call


def keep_form(page: gr.Blocks, name: str, controls: Sequence[Any]) -> None:
    """Keep every change of these controls, and fill them again when the page opens. The server is
    not asked."""
    private = {"queue": False, "api_visibility": "private"}
    kept = f"(...values) => {{ {call('keepFormOf', f'{name!r}, values')}; }}"
    again = f"async (...values) => await {call('formOf', f'{name!r}, values')}"
    page.load(None, [*controls], [*controls], js=again, **private)
    gr.on([c.change for c in controls], None, [*controls], None, js=kept, **private)
