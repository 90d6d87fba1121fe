"""The entry point: load the engine, serve the page. `python app.py` is also what a Space runs."""

import os
import sys
from typing import Any

from app.launch import LaunchSettings, check_temporary_folder, read_settings
from model.loading.checkpoint_name import is_hub_name, refuse_missing

AT_ONCE = 4
"""Runs that are under way at the same time: each visitor sees a step soon, and few are slowed."""


def main() -> int:
    """Serve until interrupted; return 2 if the checkpoint, gallery or address cannot be used."""
    settings = read_settings(os.environ)
    os.environ.setdefault("LANCE_LOG", "error")
    try:
        port, marker = settings.port_number, settings.marker
        check_temporary_folder()
        if not settings.engine and not is_hub_name(settings.model):
            refuse_missing(settings.model)
        # Gradio and torch take many seconds: a wrong folder is told first.
        from app.page import build_page, serve, wait_until_stopped
        from app.session import Session

        session = Session(
            _engine(settings),
            gallery=settings.gallery,
            own=settings.own_gallery,
            origins=settings.origins,
            marker=marker,
        )
        page = build_page(session)
        serve(page, session, settings.address, port, embedded=bool(settings.space))
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"NExT-OMNI Live is on {page.local_url}", flush=True)
    wait_until_stopped(page, session)
    return 0


def _engine(settings: LaunchSettings) -> Any:
    """Return the engine of a worker, or one of this process. Raises: ValueError where neither can
    be used."""
    if settings.engine:
        from serving.remote.link import Link
        from serving.remote.remote_engine import RemoteEngine

        return RemoteEngine.connect(Link(settings.engine, settings.engine_key))
    from app.stream.zerogpu import lends_gpu
    from engine.cli.loading import LoadingBar, folder_of, warm_up
    from engine.engine import Engine
    from serving.engines.shared_engine import SharedEngine

    how = {"weights": settings.weights, "speech": settings.speech_codec}
    folder = folder_of(settings.model, os.environ)
    engine = Engine.load(folder, settings.device, progress=LoadingBar(), **how)
    warm_up(engine)
    return engine if lends_gpu() else SharedEngine(engine, AT_ONCE)


if __name__ == "__main__":
    sys.exit(main())
