"""A visitor without a browser, and without all that Gradio's client loads: the three calls that a
page makes for one picture."""

import json
import secrets
from collections.abc import Iterator
from urllib.request import Request as Call
from urllib.request import urlopen

from tests.page_server import PATIENCE_S, Served


def post(page: Served, path: str, body: object) -> dict[str, object]:
    """Post JSON to a route of the page, and return its answer."""
    call = Call(page.url + path, json.dumps(body).encode(), {"content-type": "application/json"})
    with urlopen(call, timeout=PATIENCE_S) as answer:
        return json.loads(answer.read())


class BareVisitor:
    """numbers: of the page's functions, by their API names, see `functions`."""

    def __init__(self, page: Served, numbers: dict[str, int]) -> None:
        self.page, self.numbers = page, numbers
        self.session = secrets.token_hex(6)

    def call(self, name: str, *values: object) -> list[object]:
        """Call a function that does not wait in the queue."""
        asked = {"data": values, "session_hash": self.session}
        found = post(self.page, f"gradio_api/run/{name}", asked)["data"]
        assert isinstance(found, list)
        return found

    def join(self, name: str, *values: object) -> None:
        """Join the queue with a call of a function."""
        asked = {"data": values, "session_hash": self.session, "fn_index": self.numbers[name]}
        post(self.page, "gradio_api/queue/join", asked)

    def told(self) -> Iterator[dict[str, object]]:
        """Yield what the queue says of this visitor's calls, until the first is over."""
        place = f"gradio_api/queue/data?session_hash={self.session}"
        with urlopen(self.page.url + place, timeout=PATIENCE_S) as stream:
            for line in stream:
                if line.startswith(b"data: "):
                    message = json.loads(line[6:])
                    yield message
                    if message["msg"] in ("process_completed", "close_stream"):
                        return


def functions(page: Served) -> dict[str, int]:
    """Return the numbers of the page's functions by their API names."""
    with urlopen(page.url + "config", timeout=PATIENCE_S) as answer:
        config = json.loads(answer.read())
    return {d["api_name"]: d["id"] for d in config["dependencies"] if d["api_name"]}
