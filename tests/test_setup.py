"""The repository's top level, as a fresh machine and a Hugging Face Space need it."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LISTS: dict[str, list[str]] = {
    "requirements.txt": (ROOT / "requirements.txt").read_text().splitlines(),
    **PROJECT["project"]["optional-dependencies"],
    **PROJECT["dependency-groups"],
}
"""Every list of requirements, by the name that installs it."""


def test_no_file_names_a_package_index() -> None:
    files = ("requirements.txt", "pyproject.toml", "Makefile", ".ci/run")
    for file in files:
        assert not re.search(r"index-url|--find-links|https?://", (ROOT / file).read_text()), file
    assert [f.name for f in ROOT.glob("requirements*.txt")] == ["requirements.txt"]


@pytest.mark.parametrize("name", LISTS)
def test_requirements_are_pinned_exactly(name: str) -> None:
    for line in LISTS[name]:
        assert re.fullmatch(r"[\w-]+(\[\w+\])?==[\w.]+(; .*)?", line), f"{name}: {line}"


def test_the_same_package_has_the_same_pin_everywhere() -> None:
    pins = {line.partition(";")[0] for lines in LISTS.values() for line in lines}
    assert len(pins) == len({pin.partition("==")[0] for pin in pins})


def test_the_program_needs_torch_and_a_headless_opencv() -> None:
    text = (ROOT / "requirements.txt").read_text()
    assert "torch==2.13.0" in text.splitlines()
    assert "opencv-python-headless" in text
    assert PROJECT["tool"]["setuptools"]["dynamic"]["dependencies"]["file"] == ["requirements.txt"]


def test_pip_installs_requirements_and_no_module_of_ours() -> None:
    assert PROJECT["tool"]["setuptools"]["packages"] == []
    assert PROJECT["tool"]["setuptools"]["py-modules"] == []


def test_the_space_runs_app_py_with_the_pinned_gradio() -> None:
    head = (ROOT / "README.md").read_text().split("---")[1]
    gradio = re.search(r"gradio\[mcp\]==(\S+)", (ROOT / "requirements.txt").read_text())
    assert gradio is not None
    assert f"sdk_version: {gradio[1]}" in head
    assert "app_file: app.py" in head
    assert (ROOT / "packages.txt").read_text().split() == ["ffmpeg"]


def test_the_space_says_what_it_is() -> None:
    head = (ROOT / "README.md").read_text().split("---")[1]
    fields = dict(re.findall(r"^(\w+): *(.*)$", head, re.MULTILINE))
    colours = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
    assert {fields["colorFrom"], fields["colorTo"]} <= colours
    assert 0 < len(fields["short_description"]) <= 60
    assert fields["license"] == "apache-2.0"
    assert fields["suggested_hardware"] == "cpu-basic"
    assert {"title", "emoji", "sdk", "python_version", "tags"} <= fields.keys()


def test_the_program_can_be_installed_without_large_files() -> None:
    files = [f for f in (ROOT / "assets").rglob("*") if f.is_file()]
    assert all(f.stat().st_size < 9_000_000 for f in files)
    assert sum(f.stat().st_size for f in files) < 80_000_000
