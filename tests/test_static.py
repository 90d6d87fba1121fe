"""The page's scripts are small modules that all have a use; a page from the disk needs no other."""

import re
from pathlib import Path

import pytest

from app.scripts import MAIN, STATIC, bundle, closure, head
from app.theme import STYLES

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = sorted(STATIC.rglob("*.js"))
MAX_LINES, MAX_MODULES = 300, 12
REPLAY = "lab/replay.js"
ENTRIES = (MAIN, REPLAY)
"""The modules that the page and the exported page begin with."""
BY_ADDRESS = re.compile(r'new URL\("(\./[^"]+\.js)", import\.meta\.url\)')
ANY_IMPORT = re.compile(r"^\s*import\b.*$|\bimport\(|^export \{|^export default", re.MULTILINE)


def _name(script: Path) -> str:
    return script.relative_to(STATIC).as_posix()


@pytest.mark.parametrize("script", SCRIPTS, ids=_name)
def test_a_script_is_a_short_module(script: Path) -> None:
    source = script.read_text()
    assert source.startswith("// "), "it says first what it is"
    assert len(source.splitlines()) <= MAX_LINES
    assert re.search(r"^(import|export) ", source, re.MULTILINE) or _name(script) in _by_address()
    assert "window." not in re.sub(r"//.*", "", source), "nothing is put on the window"
    assert "</script" not in source


@pytest.mark.parametrize("script", SCRIPTS, ids=_name)
def test_modules_import_and_export_in_the_one_form_that_is_joined(script: Path) -> None:
    source = script.read_text()
    known = re.sub(r'^import \{[^}]*\} from "\.{1,2}/[^"]+\.js";$', "", source, flags=re.MULTILINE)
    assert ANY_IMPORT.findall(known) == []


def test_every_script_is_used() -> None:
    used = {name for entry in ENTRIES for name in closure(entry)} | _by_address()
    assert {_name(script) for script in SCRIPTS} == used


def test_a_folder_holds_few_modules() -> None:
    for folder in {script.parent for script in SCRIPTS}:
        assert len(list(folder.glob("*.js"))) <= MAX_MODULES, folder


def test_every_style_is_used() -> None:
    assert sorted(STYLES) == sorted(file.name for file in (STATIC / "css").iterdir())


def test_the_page_loads_every_module_at_once_relative_to_its_address() -> None:
    found = re.findall(r'rel="modulepreload" href="([^"]+)"', head())
    assert [address.split("/", 2)[2] for address in found] == closure(MAIN)
    assert all(address.startswith("scripts/") for address in found)


def test_a_bundle_imports_nothing() -> None:
    whole = bundle(REPLAY)
    assert not re.search(r"^import |^export ", whole, re.MULTILINE)
    assert f'modules["{REPLAY}"] = ' in whole


def test_every_function_that_python_names_is_exported() -> None:
    exported = set(re.findall(r"^export function (\w+)", (STATIC / MAIN).read_text(), re.MULTILINE))
    calls = re.compile(r"\b(?:mount|call)\(\s*[\"'](\w+)[\"']")
    sources = [file.read_text() for file in sorted((ROOT / "app").rglob("*.py"))]
    named = {name for source in sources for name in calls.findall(source)}
    assert named == exported


def _by_address() -> set[str]:
    """The modules that a script loads by address: the audio thread has modules of its own."""
    return {
        (script.parent / found).resolve().relative_to(STATIC).as_posix()
        for script in SCRIPTS
        for found in BY_ADDRESS.findall(script.read_text())
    }
