"""The import rule of docs/architecture.md, read off every file's imports."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ALLOWED: dict[str, set[str]] = {
    "flow": set(),
    "world": set(),
    "model": {"flow"},
    "samplers": {"flow"},
    "engine": {"model", "samplers", "flow"},
    "app": {"engine", "retrieval"},
    "retrieval": {"engine"},
    "app.py": {"app", "engine"},
    "training": {"world", "model", "samplers", "flow"},
    "evaluation": {"engine", "retrieval", "samplers", "flow", "world", "model"},
    "benchmarks": {
        "app",
        "engine",
        "evaluation",
        "retrieval",
        "samplers",
        "flow",
        "world",
        "model",
    },
}
"""Package -> packages of ours that it may import, besides itself."""
OURS = {name.removesuffix(".py") for name in ALLOWED}
ONLY_IN = {"gradio": {"app", "app.py"}, "spaces": {"app", "app.py"}}
NEVER_IN = {"torch": {"app", "app.py", "world"}}


def _files() -> list[Path]:
    packages = [p for p in ALLOWED if (ROOT / p).is_dir()]
    return [ROOT / "app.py", *(f for p in packages for f in sorted((ROOT / p).rglob("*.py")))]


def _imports(file: Path) -> list[tuple[int, str]]:
    """(line, top-level module) of every import in the file."""
    found: list[tuple[int, str]] = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name.split(".")[0]) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: import by the full name"
            found.append((node.lineno, (node.module or "").split(".")[0]))
    return found


@pytest.mark.parametrize("file", _files(), ids=lambda f: str(f.relative_to(ROOT)))
def test_imports_follow_the_rule(file: Path) -> None:
    home = file.relative_to(ROOT).parts[0]
    for line, module in _imports(file):
        place = f"{file.relative_to(ROOT)}:{line}: {home} imports {module}"
        if module in OURS and module != home:
            assert module in ALLOWED[home], place
        assert home in ONLY_IN.get(module, {home}), place
        assert home not in NEVER_IN.get(module, set()), place


def test_the_rule_covers_every_package() -> None:
    packages = {f.parent.name for f in ROOT.glob("*/__init__.py")} - {"tests"}
    assert packages <= set(ALLOWED)


@pytest.mark.parametrize("file", _files(), ids=lambda f: str(f.relative_to(ROOT)))
def test_environment_is_read_at_the_entry_points_only(file: Path) -> None:
    if file.name in ("app.py", "__main__.py"):
        return
    source = file.read_text()
    assert "os.environ" not in source, file
    assert "os.getenv" not in source, file
