"""The documents: every link leads somewhere, and the log keeps its form."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
ENTRY = re.compile(r"\d{4}-\d\d-\d\d: .+")
LABELS = ["Hypothesis", "Setup", "Result", "Decision"]


def _anchors(file: Path) -> list[str]:
    """The anchors of the headings, as GitHub names them."""
    text = re.sub(r"^```.*?^```$", "", file.read_text(), flags=re.MULTILINE | re.DOTALL)
    heads = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads]


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda f: str(f.relative_to(ROOT)))
def test_every_link_leads_somewhere(file: Path) -> None:
    for link in LINK.findall(file.read_text()):
        if link.startswith("http"):
            continue
        path, _, anchor = link.partition("#")
        target = file.parent / path if path else file
        assert target.exists(), f"{file.name}: {link}"
        assert not anchor or anchor in _anchors(target), f"{file.name}: {link}"


def test_the_log_is_newest_first_and_every_entry_has_its_four_parts() -> None:
    text = (ROOT / "docs/log.md").read_text()
    _, *parts = re.split(r"^## ", text, flags=re.MULTILINE)
    contents, *entries = parts
    titles = [entry.splitlines()[0] for entry in entries]
    assert [title for title in titles if not ENTRY.fullmatch(title)] == []
    assert titles == sorted(titles, key=lambda title: title[:10], reverse=True)
    for title, entry in zip(titles, entries, strict=True):
        labels = re.findall(r"^- \*\*(\w+)\.\*\*", entry, re.MULTILINE)
        assert [label for label in labels if label in LABELS] == LABELS, title
    listed = re.findall(r"\]\(#([^)]+)\)", contents)
    assert sorted(listed) == sorted(set(_anchors(ROOT / "docs/log.md")) - {"log", "contents"})
