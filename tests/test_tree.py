"""The rules about the tree: size of files and folders, names of modules, docstrings."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = (
    "app", "engine", "samplers", "flow", "model", "retrieval", "speech_codec", "training",
    "world", "evaluation", "benchmarks", "serving",
)  # fmt: skip
MAX_LINES, MAX_MODULES = 300, 12
COLLECTIONS = {"app/tabs", "evaluation/suites", "benchmarks"}
"""Folders of many modules of one kind."""
BANNED = {
    "utils", "common", "helpers", "misc", "manager", "wish", "landing", "holding", "going_on",
    "repaint", "pin", "order", "words", "taught", "beliefs", "lens", "closing", "watching",
    "trouble", "turns", "about", "draws", "recorder", "pace", "landmarks", "hollow", "split",
    "begin", "deeper", "average", "heard", "noised", "together", "drawings", "ranks", "talk",
    "given", "pump", "host", "studio", "conversing", "abilities", "why", "wording", "picking",
    "shown", "shipped", "own_folder", "measured", "listen", "live_view", "chance", "outside",
    "unnamed", "film_words", "aloud", "needs", "everything", "collector", "symmetric", "viewing",
}  # fmt: skip
"""Names that say nothing, and private words that have a term of the field."""
ALLOWED = {"app/tabs/about.py", "world/image/drawings.py"}
"""Files whose name is the plain word here: the About tab, and drawings of things."""
ENGINE_LINES = 150


def _modules() -> list[Path]:
    return [f for name in PACKAGES for f in sorted((ROOT / name).rglob("*.py"))]


def _name(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def _lines(file: Path) -> int:
    return len(file.read_text().splitlines())


@pytest.mark.parametrize("file", [*_modules(), *sorted((ROOT / "tests").rglob("*.py"))], ids=_name)
def test_a_file_has_at_most_300_lines(file: Path) -> None:
    assert _lines(file) <= MAX_LINES


def test_the_engine_is_a_facade() -> None:
    assert _lines(ROOT / "engine/engine.py") <= ENGINE_LINES


@pytest.mark.parametrize("folder", sorted({f.parent for f in _modules()}), ids=_name)
def test_a_folder_has_at_most_12_modules(folder: Path) -> None:
    modules = [f for f in folder.glob("*.py") if f.name not in ("__init__.py", "__main__.py")]
    assert _name(folder) in COLLECTIONS or len(modules) <= MAX_MODULES


@pytest.mark.parametrize("file", _modules(), ids=_name)
def test_a_module_has_no_banned_name(file: Path) -> None:
    assert file.stem not in BANNED or _name(file) in ALLOWED


def test_no_package_of_others_is_tracked() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    assert not [f for f in listed.stdout.split() if f.startswith(("node_modules", ".venv"))]


OPENINGS = re.compile(r"\s*(Of|What|Where|Whether|How|Who|Which|When|Why|As|From|By|In)\b")


def _openings(package: str) -> list[str]:
    """The strings that stand alone as statements: docstrings, and notes behind constants."""
    found: list[str] = []
    for file in sorted((ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                text = node.value.value
                if isinstance(text, str) and OPENINGS.match(text):
                    found.append(f"{_name(file)}:{node.lineno}: {text[:60]}")
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_docstrings_open_with_a_verb_or_a_noun(package: str) -> None:
    assert not _openings(package)
