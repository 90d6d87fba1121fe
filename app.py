"""The entry point: load the engine, serve the page. `python app.py` is also what a Space runs."""

import argparse
import os
import sys
from pathlib import Path

from app.gallery.local_folder import is_here
from app.session import Session
from engine.cli.loading import LoadingBar, folder_of
from engine.engine import Engine

DEFAULT_PORT = 7860
DEFAULT_GALLERY = "data/gallery"
"""Of `python -m retrieval add`, too."""


def main() -> int:
    """Serve until interrupted; 2 if the checkpoint, the gallery or the address cannot be used."""
    parser = argparse.ArgumentParser(description=__doc__)
    gallery = os.environ.get("NEXT_OMNI_GALLERY")
    model = os.environ.get("NEXT_OMNI_CHECKPOINT") or Path(__file__).parent / "assets/nano"
    parser.add_argument("--model", type=Path, default=model, help="folder of it, or its Hub name")
    parser.add_argument("--gallery", type=Path, default=gallery, help="of python -m retrieval add")
    device, weights = (os.environ.get(f"NEXT_OMNI_{k}") or "auto" for k in ("DEVICE", "WEIGHTS"))
    parser.add_argument("--device", default=device, help="auto, cpu, cuda, or cuda:0,cuda:1")
    parser.add_argument("--weights", default=weights, help="auto, or int8: half the memory")
    codec = os.environ.get("NEXT_OMNI_SPEECH_CODEC") or None
    parser.add_argument("--speech-codec", default=codec, help="command, see docs/checkpoints.md")
    arguments = parser.parse_args()
    os.environ.setdefault("LANCE_LOG", "error")
    address = os.environ.get("GRADIO_SERVER_NAME") or "127.0.0.1"
    port = os.environ.get("GRADIO_SERVER_PORT") or os.environ.get("PORT") or str(DEFAULT_PORT)
    try:
        how = {"weights": arguments.weights, "speech": arguments.speech_codec}
        folder = folder_of(arguments.model, os.environ)
        engine = Engine.load(folder, arguments.device, progress=LoadingBar(), **how)
        from app.page import build_page, serve  # Gradio takes seconds: a wrong folder is told first

        alone = is_here(address) and not os.environ.get("SPACE_ID")
        own = (arguments.gallery or Path(DEFAULT_GALLERY)) if alone else None
        host = Session(engine, gallery=arguments.gallery, own=own)
        page = build_page(host)
        serve(page, host, address, int(port))
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"NExT-OMNI Live is on {page.local_url}", flush=True)
    page.block_thread()
    return 0


if __name__ == "__main__":
    sys.exit(main())
