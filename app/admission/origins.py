"""The sites and hosts that may use the page, and whether it was ever reached from elsewhere.

A browser says where a request comes from. A page of another site may lead here by a link; it may
neither read, nor send, nor open a websocket. On loopback the host of each request is one of this
machine's names, so that a foreign name that resolves to 127.0.0.1 opens nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip",
             "via")  # fmt: skip
"""Headers of a request that came through another machine, or through a program that let it in."""
PROXY_VERSION = "1.0"
"""The version of HTTP that proxies speak where nobody set another; no browser does."""
ELSEWHERE = (
    "This request comes from another site. Where a proxy leads here, start the page with its "
    "address: --origin https://NAME."
)
WRONG_HOST = (
    "This page serves its own machine alone: open it as 127.0.0.1 or localhost. Where a proxy "
    "leads here, start the page with its address: --origin https://NAME."
)


@dataclass(frozen=True)
class Refusal:
    """An answer without the page: a status code and a sentence."""

    status: int
    sentence: str


@dataclass
class Origins:
    """The rule for all routes. local: served on loopback. others: origins that may use the page
    beside its own, as "https://example.org". exposed: whether a request ever came through a proxy,
    or by a name that is not this machine's."""

    local: bool = False
    others: tuple[str, ...] = ()
    exposed: bool = False

    def refusal(
        self, headers: Mapping[str, str], method: str = "GET", version: str = "1.1"
    ) -> Refusal | None:
        """Return why a request is not let in; None lets it in. method: "GET" for a websocket,
        which always names its origin."""
        host = headers.get("host", "").lower()
        self._notice(headers, host, version)
        if self.local and not self._names(host):
            return Refusal(421, WRONG_HOST)
        origin = headers.get("origin")
        if origin is not None:
            return None if self._is_own(origin, host) else Refusal(403, ELSEWHERE)
        if headers.get("sec-fetch-site", "none") in ("none", "same-origin"):
            return None
        follows_link = method in ("GET", "HEAD") and headers.get("sec-fetch-mode") == "navigate"
        return None if follows_link else Refusal(403, ELSEWHERE)

    def _names(self, host: str) -> bool:
        return is_loopback(host) or host in {urlsplit(other).netloc for other in self.others}

    def _is_own(self, origin: str, host: str) -> bool:
        """The schemes may differ: a proxy speaks TLS for a page that does not."""
        if origin.lower() in self.others:
            return True
        place = urlsplit(origin.lower())
        return bool(host) and place.scheme in ("http", "https") and _same_place(place.netloc, host)

    def _notice(self, headers: Mapping[str, str], host: str, version: str) -> None:
        named = [host, *(urlsplit(headers.get(n, "")).netloc for n in ("origin", "referer"))]
        is_public = any(name and not is_loopback(name) for name in named)
        forwarded = any(headers.get(name) for name in FORWARDED)
        self.exposed |= is_public or forwarded or version == PROXY_VERSION


def is_loopback(address: str) -> bool:
    """Return whether an address is one of this machine alone, with or without a port."""
    name = address.strip().lower()
    if name.startswith("["):
        name = name[1:].partition("]")[0]
    elif name.count(":") == 1:
        name = name.partition(":")[0]
    return name in LOOPBACK_HOSTS


def is_local_request(headers: Mapping[str, str], client: str) -> bool:
    """Return whether a request was made on this machine, to it by its own name."""
    direct = not any(headers.get(name) for name in FORWARDED)
    return direct and is_loopback(client) and is_loopback(headers.get("host") or "")


def _same_place(origin: str, host: str) -> bool:
    """Two hosts, of which one may leave out the port that its scheme implies."""
    plain = [name.removesuffix(":80").removesuffix(":443") for name in (origin, host)]
    return plain[0] == plain[1]
