"""A visitor without a browser, and without all that Gradio's client loads: the three calls that a
page makes for one picture."""

import json
import secrets
from collections.abc import Iterator

import httpx

PATIENCE_S = 600.0


def post(url: str, path: str, body: object) -> dict[str, object]:
    """Post JSON to a route of the page at `url`, and return its answer."""
    return httpx.post(url + path, json=body, timeout=PATIENCE_S).raise_for_status().json()


class BareVisitor:
    """url: of the page, with a slash behind it. numbers: of its functions, by their API names, see
    `functions`."""

    def __init__(self, url: str, numbers: dict[str, int]) -> None:
        self.url, self.numbers = url, numbers
        self.session = secrets.token_hex(6)

    def call(self, name: str, *values: object) -> list[object]:
        """Call a function that does not wait in the queue."""
        asked = {"data": values, "session_hash": self.session}
        found = post(self.url, f"gradio_api/run/{name}", asked)["data"]
        assert isinstance(found, list)
        return found

    def join(self, name: str, *values: object) -> None:
        """Join the queue with a call of a function."""
        asked = {"data": values, "session_hash": self.session, "fn_index": self.numbers[name]}
        post(self.url, "gradio_api/queue/join", asked)

    def told(self) -> Iterator[dict[str, object]]:
        """Yield what the queue says of this visitor's calls, until the first is over."""
        place = f"gradio_api/queue/data?session_hash={self.session}"
        with httpx.stream("GET", self.url + place, timeout=PATIENCE_S) as stream:
            for line in stream.iter_lines():
                if line.startswith("data: "):
                    message = json.loads(line[6:])
                    yield message
                    if message["msg"] in ("process_completed", "close_stream"):
                        return


def functions(url: str) -> dict[str, int]:
    """Return the numbers of the functions of a page by their API names."""
    config = httpx.get(url + "config", timeout=PATIENCE_S).raise_for_status().json()
    return {d["api_name"]: d["id"] for d in config["dependencies"] if d["api_name"]}
