"""Refuse a commit whose subject is not `scope: imperative` in at most 72 characters."""

import re
import sys
from pathlib import Path

MAX_CHARACTERS = 72
SUBJECT = re.compile(r"[a-z_]+(, [a-z_]+)*: [a-z]\S* \S.*[^.]")


def fault(subject: str) -> str | None:
    """Return what is wrong with a subject in one sentence; None where nothing is."""
    if len(subject) > MAX_CHARACTERS:
        return f"the subject has {len(subject)} characters, the limit is {MAX_CHARACTERS}"
    if not SUBJECT.fullmatch(subject):
        return "a subject reads `scope: imperative`, such as `engine: keep the seed of a draft`"
    return None


if __name__ == "__main__":
    found = fault(Path(sys.argv[1]).read_text().split("\n")[0])
    if found:
        sys.exit(f"error: {found}")
