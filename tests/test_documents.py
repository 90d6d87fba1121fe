"""The documents: links, paths, names and commands lead somewhere, and the log keeps its form."""

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LOG = ROOT / "docs/log.md"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
PRESENT = [file for file in DOCUMENTS if file != LOG]
"""The log names files and commands as they were at the date."""
PACKAGES = sorted(p.parent.name for p in ROOT.glob("*/__init__.py"))
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PATH = re.compile(rf"`((?:{'|'.join([*PACKAGES, 'assets', 'docs'])})/[\w./*-]+)`")
NAME = re.compile(rf"`((?:{'|'.join(PACKAGES)})(?:\.\w+)+)`")
MODULE = re.compile(rf"python -m ((?:{'|'.join(PACKAGES)})(?:\.\w+)*)")
IMPORT = re.compile(rf"^from ((?:{'|'.join(PACKAGES)})(?:\.\w+)*) import (.+)$", re.MULTILINE)
TEST = re.compile(r"`(test_\w+)`")
ENTRY = re.compile(r"\d{4}-\d\d-\d\d: .+")
MAX_COLUMNS = 100
LABELS = ["Hypothesis", "Setup", "Result", "Decision"]


def _id(file: Path) -> str:
    return str(file.relative_to(ROOT))


@pytest.mark.parametrize("file", DOCUMENTS, ids=_id)
def test_lines_have_at_most_100_columns(file: Path) -> None:
    """Rows of tables apart, and lines that are one address or one link."""
    wide = [line for line in file.read_text().splitlines() if len(line) > MAX_COLUMNS]
    assert not [line for line in wide if not line.startswith("|") and line.count(" ") > 2]


def _anchors(file: Path) -> list[str]:
    """The anchors of the headings, as GitHub names them."""
    text = re.sub(r"^```.*?^```$", "", file.read_text(), flags=re.MULTILINE | re.DOTALL)
    heads = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads]


def _source(module: str) -> Path | None:
    place = ROOT / module.replace(".", "/")
    files = (place.with_suffix(".py"), place / "__main__.py", place / "__init__.py")
    return next((file for file in files if file.exists()), None)


@cache
def _tests() -> str:
    return "\n".join(file.read_text() for file in (ROOT / "tests").rglob("test_*.py"))


def _is_defined(name: str) -> bool:
    """A module, or what stands behind one: `package.module.Class`."""
    module, _, inner = name.rpartition(".")
    if _source(name) is not None:
        return True
    while module and _source(module) is None:
        module, _, before = module.rpartition(".")
        inner = f"{before}.{inner}"
    source = _source(module) if module else None
    return source is not None and all(
        re.search(rf"\b{part}\b", source.read_text()) for part in inner.split(".")
    )


@pytest.mark.parametrize("file", DOCUMENTS, ids=_id)
def test_every_link_leads_somewhere(file: Path) -> None:
    for link in LINK.findall(file.read_text()):
        if link.startswith("http"):
            continue
        path, _, anchor = link.partition("#")
        target = file.parent / path if path else file
        assert target.exists(), f"{file.name}: {link}"
        assert not anchor or anchor in _anchors(target), f"{file.name}: {link}"


@pytest.mark.parametrize("file", PRESENT, ids=_id)
def test_every_path_name_and_command_exists(file: Path) -> None:
    text = file.read_text()
    assert [path for path in PATH.findall(text) if not any(ROOT.glob(path))] == []
    names = [name for name in NAME.findall(text) if not name.startswith("model.safetensors")]
    assert [name for name in names if not _is_defined(name)] == []
    assert [module for module in MODULE.findall(text) if _source(module) is None] == []
    found = [(module, name) for module, names in IMPORT.findall(text) for name in names.split(", ")]
    assert [pair for pair in found if not _is_defined(".".join(pair))] == []
    files = {f.stem for f in (ROOT / "tests").rglob("test_*.py")}
    tests = [name for name in TEST.findall(text) if name not in files]
    assert [name for name in tests if f"def {name}(" not in _tests()] == []


def test_the_log_is_newest_first_and_every_entry_has_its_four_parts() -> None:
    _, *parts = re.split(r"^## ", LOG.read_text(), flags=re.MULTILINE)
    contents, *entries = parts
    titles = [entry.splitlines()[0] for entry in entries]
    assert [title for title in titles if not ENTRY.fullmatch(title)] == []
    assert titles == sorted(titles, key=lambda title: title[:10], reverse=True)
    for title, entry in zip(titles, entries, strict=True):
        labels = re.findall(r"^- \*\*(\w+)\.\*\*", entry, re.MULTILINE)
        assert [label for label in labels if label in LABELS] == LABELS, title
    listed = re.findall(r"\]\(#([^)]+)\)", contents)
    assert sorted(listed) == sorted(set(_anchors(LOG)) - {"log", "contents"})
