"""What a fresh machine and a Hugging Face Space need from the repository's top level."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_no_file_names_a_package_index() -> None:
    for file in [*ROOT.glob("requirements*.txt"), ROOT / "Makefile", ROOT / ".ci" / "run"]:
        assert not re.search(r"index-url|--find-links|https?://", file.read_text()), file


def test_requirements_are_pinned() -> None:
    text = (ROOT / "requirements.txt").read_text()
    assert "torch==2.13.0" in text.splitlines()
    assert "opencv-python-headless" in text
    for line in text.splitlines():
        assert re.search(r"==|>=.*,<", line), f"unpinned: {line}"


def test_the_space_runs_app_py_with_the_pinned_gradio() -> None:
    head = (ROOT / "README.md").read_text().split("---")[1]
    gradio = re.search(r"gradio==(\S+)", (ROOT / "requirements.txt").read_text())
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
    assert sum(f.stat().st_size for f in files) < 60_000_000
