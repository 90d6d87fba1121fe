"""The visitor whose event it is: by which a run is known to be theirs."""

from typing import TypedDict

import gradio as gr


class Opener(TypedDict):
    """The session that opens a run, and where it is."""

    owner: str
    address: str


def opened_by(visitor: gr.Request) -> Opener:
    """Return who opens a run, as `app.session.Session.open` takes it."""
    client = visitor.client
    return {"owner": visitor.session_hash or "", "address": "" if client is None else client.host}
