"""The headers that every answer carries, and those that keep a stranger's file from becoming a page
of this site.
"""

import re
from collections.abc import Iterable

SAFE_HOST = re.compile(r"[a-z0-9.\-\[\]:]+")
EMBEDDERS = "https://huggingface.co https://*.huggingface.co https://*.hf.space"
"""The sites that show a Space in a frame."""
FILES = ("/gradio_api/file", "/gallery/file/")
"""The paths below which files are served that somebody gave."""
SHOWN_INLINE = re.compile(r"(image/(png|jpeg|webp|gif|avif|bmp)|audio/|video/)")
"""The media types that a browser shows and never runs."""
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' data: blob:; "
    "font-src 'self' data:; worker-src 'self' blob: data:; connect-src 'self' data: blob:{sockets};"
    " object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors {ancestors}"
)
"""Gradio evaluates the code of its components (`unsafe-eval`) and has code in its page
(`unsafe-inline`); nothing is loaded from, or sent to, another site."""
SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; sandbox"

Header = tuple[bytes, bytes]


def page_headers(host: str, *, embedded: bool) -> list[Header]:
    """Return the headers of every answer. host: of the request, for the addresses of websockets.
    embedded: whether other sites may show the page in a frame."""
    sockets = f" ws://{host} wss://{host}" if SAFE_HOST.fullmatch(host) else ""
    ancestors = f"'self' {EMBEDDERS}" if embedded else "'self'"
    headers = {
        "content-security-policy": POLICY.format(sockets=sockets, ancestors=ancestors),
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
    }
    if not embedded:
        headers["x-frame-options"] = "SAMEORIGIN"
    return [(name.encode(), value.encode()) for name, value in headers.items()]


def with_page_headers(
    path: str, given: Iterable[Header], host: str, *, embedded: bool
) -> list[Header]:
    """Return an answer's headers with ours. A file that somebody gave is saved, not opened, unless
    it is a picture, a sound or a film, and runs nothing either way."""
    ours = dict(page_headers(host, embedded=embedded))
    headers = [(name, value) for name, value in given if name.lower() not in ours]
    if path.startswith(FILES):
        ours[b"content-security-policy"] = SANDBOX.encode()
        kind = next((v.decode("latin-1") for n, v in headers if n.lower() == b"content-type"), "")
        if not SHOWN_INLINE.match(kind):
            headers = [(n, v) for n, v in headers if n.lower() != b"content-disposition"]
            headers.append((b"content-disposition", b"attachment"))
    return [*headers, *ours.items()]
