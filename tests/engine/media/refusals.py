"""Files that no reader opens, and what each reader says of them."""

from pathlib import Path

KINDS = ("missing", "folder", "text")


def refused(kind: str, file: Path, unreadable: str) -> str:
    """Make a file of that kind; a pattern of the sentence that names it. unreadable: what is said
    of a text."""
    if kind == "folder":
        file.mkdir()
    if kind == "text":
        file.write_text("hello")
    return {
        "missing": f"there is no file .*{file.name}",
        "folder": f"{file.name} is no file: a folder",
        "text": f"{file.name} {unreadable}",
    }[kind]
