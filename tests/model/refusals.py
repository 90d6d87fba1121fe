"""A source that is broken on purpose, and the one sentence that a conversion says about it."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from model.convert.__main__ import main
from model.loading.tensor_file import contents, tensors
from tests.model import published

Break = Callable[[Path], object]


def refused(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    """The one sentence."""
    capsys.readouterr()
    assert main(list(argv)) == 2
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.strip().splitlines()
    assert line.startswith("error: ")
    return line


def refuses(
    capsys: pytest.CaptureFixture[str],
    case: tuple[str, Break, str],
    saved: Path,
    into: Path,
    *options: str,
) -> None:
    """A copy of saved / kind, broken, is refused with that sentence, and nothing is written."""
    kind, break_it, sentence = case
    source = Path(shutil.copytree(saved / kind, into / "source"))
    break_it(source)
    line = refused(capsys, kind, str(source), str(into / "out"), *options)
    assert re.search(sentence, line), line
    assert not (into / "out").exists()


def changed(file: Path, **changes: object) -> None:
    """Other values in a JSON file."""
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def rewritten(file: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    """Other tensors in a safetensors file."""
    found = {name: tensor.clone() for name, tensor in tensors(file, list(contents(file)))}
    change(found)
    published.save_file(found, file)
