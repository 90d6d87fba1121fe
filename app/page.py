"""The page: header, tabs and wiring. `build_page` makes it, `serve` puts it on an address."""

import json
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from html import escape
from io import StringIO
from itertools import chain
from pathlib import Path

import gradio as gr
from fastapi import FastAPI
from gradio.components import Component
from gradio.route_utils import FnIndexInferError
from starlette.middleware import Middleware

from app import theme
from app.admission.guard import UNEXPECTED, Guard, not_answered
from app.admission.sessions import Sessions
from app.admission.uploads import KEPT_S
from app.agents.agents_route import add_agents_route
from app.agents.tools import Tools, offer_tools, only_tools_for_agents
from app.forms.share_link import read_lab_link, read_link
from app.gallery.routes import add_gallery_routes
from app.scripts import add_script_route, call, head, mount
from app.session import Session
from app.sharing.page_head import ICON, MARK_CELLS, SENTENCE, TITLE, add_card_route, use_own_head
from app.sharing.routes import SharedFiles, add_share_route
from app.stream.patch_labels import LabelService, add_label_route
from app.stream.presence import Presence
from app.stream.replay_route import add_replay_route, replay_address
from app.stream.vad_route import add_vad_route
from app.stream.websocket import add_live_route
from app.tabs import about
from app.tabs.chat import ChatTab
from app.tabs.gallery import GalleryTab
from app.tabs.generation_tab import GenerationTab
from app.tabs.image import ImageTab
from app.tabs.kept_conversation import keep_conversation
from app.tabs.kept_form import keep_form
from app.tabs.lab import LabTab
from app.tabs.speech import SpeechTab
from app.tabs.video import VideoTab
from engine.inspection.trace import Trace
from engine.inspection.trace_file import read_trace
from engine.media.images import only_known_formats

FIRST_RUN = Path(__file__).resolve().parent.parent / "assets/examples/first.json"
FIRST_FILM, FIRST_CHAT = FIRST_RUN.with_name("film.json"), FIRST_RUN.with_name("chat.json")
FIRST_TRACE = FIRST_RUN.with_name("lab.npz")
MAX_EVENTS = 256
"""Events in Gradio's queue; how many runs may wait says `app.stream.run_bus`."""
MAX_SESSIONS = 512
"""Sessions of which Gradio keeps the state, beyond those that `app.admission.sessions` lets go."""
MAX_SOCKET_MESSAGE = 2**17
"""Bytes; a microphone sends half of it at most."""
QUEUE_LOOKS_EVERY_S = 0.02
MAX_UPLOAD = "20mb"
FORGET_FILES = (60, KEPT_S)
"""Gradio looks every minute for temporary files that are older."""

MARK = (
    "<svg viewBox='0 0 40 40' width='40' height='40' aria-hidden='true'>"
    + "".join(
        f"<rect x='{4 + 8 * x}' y='{4 + 8 * y}' width='6.4' height='6.4' rx='1.6'"
        f" opacity='{opacity / 10}'/>"
        for y, row in enumerate(MARK_CELLS)
        for x, opacity in enumerate(row)
    )
    + "</svg>"
)


def build_page(session: Session, first_run: Path | None = FIRST_RUN) -> gr.Blocks:
    """The whole page of one engine. first_run: a recorded run that plays when the page opens."""
    if not session.capabilities.has_flow:  # what ships was recorded by a checkpoint of ours
        first_run = None
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=FORGET_FILES) as page:
        info = session.engine.info()
        gr.HTML(
            header_html(info),
            js_on_load=mount("mountHeader", ""),
            elem_id="header",
            apply_default_css=False,
        )
        image = ImageTab(session, recorded_run(first_run))
        video = VideoTab(
            session, recorded_run(first_run and FIRST_FILM), replay_address(FIRST_FILM)
        )
        opened = "image" if session.capabilities.makes_images else "chat"
        with gr.Tabs(selected=opened, elem_id="tabs"):
            with gr.Tab("Image", id="image"):
                image.build()
            with gr.Tab("Chat", id="chat"):
                shown = first_run and session.capabilities.makes_images and FIRST_CHAT
                chat = ChatTab(session, example=recorded_run(shown or None))
                chat.build()
            with gr.Tab("Speech", id="speech"):
                speech = SpeechTab(session)
                speech.build()
            with gr.Tab("Video", id="video"):
                video.build()
            with gr.Tab("Gallery", id="gallery"):
                gallery = GalleryTab(session)
                gallery.build()
            with gr.Tab("Lab", id="lab"):
                lab = LabTab(session, _first_trace(session))
                lab.build()
            with gr.Tab("About", id="about"):
                about.build(info, session.marker.key)
        digest = str(info.get("digest", ""))
        page.load(None, js=f"() => {call('mountTabs', '')}", api_visibility="private")
        for conversation in (chat, speech) if speech.speaks else (chat,):
            keep_conversation(page, conversation)
        for form_tab in (image, video):
            keep_form(page, form_tab.spec.name, form_tab.kept)
        keep_form(page, "lab", [*lab.form, lab.keep_seed])
        _fill_from_link(page, [image, video], digest)
        _fill_lab_from_link(page, lab, digest)
        prompts = _prompts([image, video]) | ({"speech": speech.message} if speech.speaks else {})
        gallery.wire(page, chat.message, prompts)
        _stop_on_leaving(page, session)
        offer_tools(session)
    return page.queue(max_size=MAX_EVENTS)


def serve(
    page: gr.Blocks,
    session: Session,
    address: str | None,
    port: int | None,
    *,
    embedded: bool = False,
) -> FastAPI:
    """Launch without blocking, and add the live channel. Nothing leaves this machine. embedded: the
    page is a Space, which other sites show in a frame."""
    only_known_formats()
    use_own_head()
    presence = session.bus.presence or Presence()
    sessions = Sessions(page, presence)
    guard = Middleware(
        Guard,
        origins=session.origins,
        presence=presence,
        embedded=embedded,
        heard=sessions.heard,
    )
    with redirect_stdout(StringIO()):  # where agents find the page is said at /agents.md
        server, _, _ = page.launch(
            server_name=address,
            server_port=port,
            prevent_thread_lock=True,
            ssr_mode=False,
            share=False,
            quiet=True,
            footer_links=[],
            run_history=False,
            max_file_size=MAX_UPLOAD,
            state_session_capacity=MAX_SESSIONS,
            app_kwargs={
                "middleware": [guard],
                "exception_handlers": dict.fromkeys((*UNEXPECTED, FnIndexInferError), not_answered),
            },
            _frontend=False,  # or Gradio asks the page for 15 s, and a busy machine does not start
            theme=theme.theme(),
            css=theme.css(),
            head=head(),
            favicon_path=ICON,
            pwa=True,
            mcp_server=True,
        )
    only_tools_for_agents(page, session)
    # Gradio's queue looks for work a thousand times a second, each time between two operations of a
    # sampler that runs in the same process.
    page._queue.sleep_when_free = QUEUE_LOOKS_EVERY_S
    page._queue.progress_update_sleep_when_free = 10 * QUEUE_LOOKS_EVERY_S
    # What goes over a websocket is packed already: packing it again costs more than a step's send.
    page.server.config.ws_per_message_deflate = False
    page.server.config.ws_max_size = MAX_SOCKET_MESSAGE
    add_script_route(server)
    add_card_route(server)
    add_live_route(server, session.bus)
    add_vad_route(server)
    add_gallery_routes(server, session.library, session.bus)
    add_replay_route(server, FIRST_FILM)
    recorded = {file.stem: file for file in (FIRST_RUN, FIRST_FILM)}
    add_share_route(server, SharedFiles(session.engine, session.trace_of, recorded, session.marker))
    add_agents_route(server, Tools(session).offered)
    add_label_route(server, LabelService(session.engine, session.bus, session.trace_of))
    return server


def wait_until_stopped(page: gr.Blocks, session: Session) -> None:
    """Return when the process is told to end (SIGTERM, or Ctrl-C): runs under way are told, files
    of visitors are removed."""
    told = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: told.set())
    told.wait()
    session.stop_all()
    page.close(verbose=False)
    session.library.close()


def recorded_run(path: Path | None) -> dict[str, object] | None:
    """A recorded run (see `app.record`), or None where there is none."""
    if path is None or not path.exists():
        return None
    return json.loads(path.read_text())


def _first_trace(session: Session) -> Trace | None:
    """The recorded run that the Lab opens with, where it is of this checkpoint."""
    if not FIRST_TRACE.exists():
        return None
    trace = read_trace(FIRST_TRACE)
    return trace if trace.checkpoint["digest"] == session.engine.info().get("digest") else None


def header_html(info: Mapping[str, object]) -> str:
    """Name, checkpoint and devices."""
    digest = escape(str(info.get("digest", "")))
    parameters = info.get("parameters")
    count = parameters.get("all") if isinstance(parameters, Mapping) else parameters
    layers = info.get("layers")
    devices = layers if isinstance(layers, Mapping) and layers else [info.get("device", "")]
    facts = [str(info.get("name", "")), " + ".join(map(str, devices))]
    if isinstance(count, int):
        facts.insert(1, f"{count / 1e6:.1f} M parameters")
    chips = "".join(f"<span>{escape(fact)}</span>" for fact in facts if fact)
    return (
        f"<header class='omni-header' data-checkpoint='{digest}' "
        f"data-believes='{bool(info.get('believes'))}' "
        f"data-finds='{bool(info.get('finds'))}'>{MARK}<div><h1>{TITLE}</h1>"
        f"<p>{SENTENCE}</p></div>"
        f"<div class='omni-facts'>{chips}</div>"
        "<button type='button' class='omni-theme' aria-label='light or dark' title='light or dark'>"
        "<svg viewBox='0 0 24 24' width='18' height='18' aria-hidden='true'>"
        "<circle cx='12' cy='12' r='8.5' fill='none' stroke='currentColor' stroke-width='1.7'/>"
        "<path d='M12 3.5a8.5 8.5 0 0 1 0 17z' fill='currentColor'/></svg></button></header>"
    )


def _prompts(form_tabs: Sequence[GenerationTab]) -> dict[str, Component]:
    """Return the prompt control of each tab that has a form, by the tab's name."""
    return {form_tab.spec.name: form_tab.prompt for form_tab in form_tabs if form_tab.link_targets}


def _stop_on_leaving(page: gr.Blocks, session: Session) -> None:
    def leave(visitor: gr.Request) -> None:
        name = visitor.session_hash or ""
        session.bus.leave(name)
        session.library.leave(session.library.visitors.name(name))

    page.unload(leave)


def _fill_lab_from_link(page: gr.Blocks, lab: LabTab, checkpoint: str) -> None:
    def fill(visitor: gr.Request) -> tuple[object, ...]:
        query = dict(visitor.query_params)
        if query.get("tab") != "lab":
            return (gr.skip(),) * (len(lab.form) + 1)
        values, sentence = read_lab_link(query, checkpoint, lab.filled)
        said = f"<p role='alert'>{escape(sentence)}</p>" if sentence else ""
        return (*(values or (gr.skip(),) * len(lab.form)), said)

    outputs = [*lab.form, lab.settings_notice]
    _run_when_filled(page, fill, outputs, "lab")


def _fill_from_link(page: gr.Blocks, form_tabs: Sequence[GenerationTab], checkpoint: str) -> None:
    """A link fills the form of its tab, which the page's scripts open (`static/page/tabs.js`); one
    to a tab without a form fills the first."""

    def fill(visitor: gr.Request) -> tuple[object, ...]:
        query = dict(visitor.query_params)
        link = read_link({"tab": "lab"} if query.get("tab") == "lab" else query, checkpoint)
        named = [form_tab for form_tab in form_tabs if form_tab.spec.name == link.tab]
        filled = (named or form_tabs)[0]
        values = (
            form_tab.link_values(link if form_tab is filled else None) for form_tab in form_tabs
        )
        return tuple(chain.from_iterable(values))

    outputs = [*chain.from_iterable(form_tab.link_targets for form_tab in form_tabs)]
    _run_when_filled(page, fill, outputs, *(form_tab.spec.name for form_tab in form_tabs))


def _run_when_filled(
    page: gr.Blocks, fill: Callable[..., object], outputs: Sequence[Component], *tabs: str
) -> None:
    """Fill forms when the page opens; then its scripts press the button of the tab that the link
    names, if it is one of these (`static/page/linked_run.js`)."""
    filled = page.load(
        fill, None, outputs, queue=False, show_progress="hidden", api_visibility="private"
    )
    filled.success(None, js=f"() => {call('runLinked', str(list(tabs)))}", api_visibility="private")
