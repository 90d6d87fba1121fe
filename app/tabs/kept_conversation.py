"""The events that let the browser keep a tab's conversation, and tell it again when the page opens.

Owns: these events. Does not own: what is sent (`app.chat.kept`), the browser's side
(`static/chat/conversation_keeper.js`).
"""

import gradio as gr

from app.chat.history import History
from app.chat.kept import news, told_again
from app.scripts import call
from app.tabs.conversation_tab import QUIET, ConversationTab
from app.tabs.kept_form import keep_form


def keep_conversation(page: gr.Blocks, tab: ConversationTab) -> None:
    """Keep the conversation and the settings of a tab that was laid out and wired."""
    told = gr.Textbox(visible="hidden", label="kept conversation")
    private = {"api_visibility": "private", **QUIET}

    def fresh(history: History, asked: gr.EventData) -> str:
        known = asked._data.get("known") if isinstance(asked._data, dict) else None
        return news(history, frozenset(map(str, known or ())))

    def again(text: str | None) -> tuple[object, object]:
        try:
            history = told_again(text, tab.session.capabilities.prompt_characters) if text else ()
        except ValueError:  # a browser keeps what another version wrote: nothing to tell a visitor
            history = ()
        return (history, tab.as_value(history)) if history else (gr.skip(), gr.skip())

    keeps = f"(news) => {call('keepConversation', f'news, {tab.name!r}')}"
    kept = f"async () => [await {call('toldConversation', repr(tab.name))}]"
    tab.view.keep(fresh, tab.history, told, **private).then(None, told, None, js=keeps, **private)
    page.load(again, told, [tab.history, tab.view], js=kept, **private)
    keep_form(page, tab.name, [c for c in tab.form if not isinstance(c, gr.State)])
