"""The import rules of docs/architecture.md, read off every file's imports."""

import ast
from functools import cache
from graphlib import TopologicalSorter
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
    "serving": {"engine"},
    "app.py": {"app", "engine", "model", "serving"},
    "training": {"world", "model", "samplers", "flow"},
    "evaluation": {"engine", "retrieval", "samplers", "flow", "world", "model"},
    "benchmarks": {
        "app", "engine", "evaluation", "retrieval", "samplers", "serving", "flow", "world", "model",
    },
}  # fmt: skip
"""Package -> packages of ours that it may import, besides itself."""
FACES: dict[tuple[str, str], set[str]] = {
    ("app", "engine"): {"api", "engine", "inspection", "media", "prompt"},
    ("app.py", "model"): {"loading"},
    ("app.py", "serving"): {"engines", "remote"},
    ("retrieval", "engine"): {"api", "engine", "media"},
    ("serving", "engine"): {
        "api",
        "cli",
        "engine",
        "inspection",
        "media",
        "prompt",
        "step_batch",
    },
    ("evaluation", "engine"): {"api", "cli", "engine", "media", "prompt"},
    ("benchmarks", "engine"): {"api", "engine", "inspection", "media"},
    ("benchmarks", "app"): {"page", "session", "stream"},
    ("benchmarks", "evaluation"): {"result", "suites"},
    ("benchmarks", "serving"): {"remote"},
}
"""(package, another) -> the subpackages of the other that it may import; without a row, all."""
INSIDE: dict[str, set[str]] = {
    "app/admission": {"stream"},
    "app/stream": {"engine_protocol"},
    "app/forms": set(),
    "app/gallery": {"admission", "forms", "stream"},
    "app/chat": {"capabilities", "forms", "stream"},
    "app/sharing": {"engine_protocol", "lab", "stream", "theme"},
    "app/lab": {"engine_protocol", "forms", "scripts", "session", "stream", "theme"},
    "engine/api": set(),
    "engine/denoisers": set(),
    "engine/media": {"api"},
    "engine/prompt": {"api"},
    "engine/inspection": {"api", "media"},
    "engine/generation": {"api", "denoisers", "inspection", "media", "prompt"},
    "flow/cuda": {"metric"},
    "model/layers": {"tokenizer_config"},
    "model/tokenizers": {"layers", "tokenizer_config"},
    "model/network": {"config", "layers", "tokenizers"},
    "model/loading": {"config", "layers", "network", "tokenizers"},
    "retrieval/backends": {"embedder", "index", "manifest"},
    "serving/engines": {"scheduler"},
    "serving/forms": {"answers", "errors"},
    "serving/answers": {"errors", "generation", "run_log", "run_stream"},
    "serving/api": {
        "answers",
        "errors",
        "forms",
        "generation",
        "realtime",
        "remote",
        "run_stream",
        "worker",
    },
    "serving/realtime": {"answers", "errors", "forms", "run_log", "run_stream", "worker"},
    "serving/remote": {"engines"},
    "serving/marking": set(),
    "training/data": set(),
    "training/loop": {"data"},
    "training/objectives": {"data"},
    "training/stages": {"data", "loop", "objectives"},
    "training/checkpoints": {"loop", "objectives"},
    "world/image": {"concepts", "per_domain", "sampling"},
    "world/text": {"concepts", "image", "per_domain", "sampling"},
    "world/video": {"concepts", "image", "sampling", "text"},
    "world/audio": {"concepts", "image", "sampling", "text"},
    "world/edits": {"concepts", "image", "sampling", "text"},
    "evaluation/judges": {"requirements", "result"},
}
"""Folder -> the modules and folders beside it that it may import."""
OURS = {name.removesuffix(".py") for name in ALLOWED}
ONLY_IN = {"gradio": {"app", "app.py"}, "spaces": {"app", "app.py"}}
NEVER_IN = {"torch": {"app", "app.py", "world"}}


def _files() -> list[Path]:
    packages = [p for p in ALLOWED if (ROOT / p).is_dir()]
    return [ROOT / "app.py", *(f for p in packages for f in sorted((ROOT / p).rglob("*.py")))]


def _name(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


@cache
def _imports(file: Path) -> list[tuple[int, tuple[str, ...]]]:
    """(line, parts of the module's full name) of every import in the file."""
    found: list[tuple[int, str]] = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: import by the full name"
            found += [(node.lineno, f"{node.module}.{alias.name}") for alias in node.names]
    return [(line, tuple(name.split("."))) for line, name in found]


def _inside() -> set[tuple[str, str, str]]:
    """(place, place that it imports, line): a place is a folder or a module of a package."""
    arrows: set[tuple[str, str, str]] = set()
    for file in _files():
        package, *rest = file.relative_to(ROOT).with_suffix("").parts
        for line, (first, *names) in _imports(file) if rest else ():
            if first == package and names and names[0] != rest[0]:
                home, there = f"{package}/{rest[0]}", f"{package}/{names[0]}"
                arrows.add((home, there, f"{_name(file)}:{line} imports {there}"))
    return arrows


@pytest.mark.parametrize("file", _files(), ids=_name)
def test_imports_follow_the_rule(file: Path) -> None:
    home = file.relative_to(ROOT).parts[0]
    for line, (module, *names) in _imports(file):
        place = f"{_name(file)}:{line}: {home} imports {module}"
        if module in OURS and module != home:
            assert module in ALLOWED[home], place
            faces = FACES.get((home, module))
            assert faces is None or (names and names[0] in faces), f"{place}.{names}"
        assert home in ONLY_IN.get(module, {home}), place
        assert home not in NEVER_IN.get(module, set()), place


@pytest.mark.parametrize("folder", INSIDE)
def test_a_folder_imports_what_its_row_says(folder: str) -> None:
    allowed = {f"{folder.split('/')[0]}/{name}" for name in INSIDE[folder]}
    assert not [said for home, there, said in _inside() if home == folder and there not in allowed]


def test_no_folder_imports_one_that_imports_it() -> None:
    """The folders and modules of a package form no circle. Raises: CycleError with the circle."""
    arrows: dict[str, set[str]] = {}
    for home, there, _ in _inside():
        arrows.setdefault(home, set()).add(there)
    TopologicalSorter(arrows).prepare()


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
