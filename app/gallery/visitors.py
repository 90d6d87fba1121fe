"""The names of visitors: by which what they keep is theirs alone.

Gradio's names of sessions come from the browser and stand in addresses. A visitor's name is drawn
here, told once, and stands in none; the address of a private file carries a key to that file.
"""

import hmac
import secrets
from collections import OrderedDict
from hashlib import sha256

MAX_KNOWN = 4096


class Visitors:
    """The visitors of the last sessions."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)
        self._names: OrderedDict[str, str] = OrderedDict()
        self._told: set[str] = set()

    def greet(self, session: str) -> str:
        """Return the name of a session's visitor, once; empty from then on."""
        name = self.name(session)
        if not name or name in self._told:
            return ""
        self._told.add(name)
        return name

    def name(self, session: str) -> str:
        """Return the name of a session's visitor; nobody's where there is no session."""
        if session and session not in self._names:
            while len(self._names) >= MAX_KNOWN:
                self._told.discard(self._names.popitem(last=False)[1])
            self._names[session] = secrets.token_urlsafe(18)
        return self._names.get(session, "")

    def key(self, item_id: str, owner: str) -> str:
        """Return what opens the file of an owner's item."""
        return hmac.new(self._secret, f"{owner} {item_id}".encode(), sha256).hexdigest()[:32]

    def opens(self, key: str, item_id: str, owner: str) -> bool:
        """Return whether a key is that of an owner's item."""
        return bool(owner) and secrets.compare_digest(
            key.encode(), self.key(item_id, owner).encode()
        )
