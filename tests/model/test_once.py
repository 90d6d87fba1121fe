"""A published checkpoint by its folder or its name on the Hub is converted once and then loaded."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import huggingface_hub
import pytest

from engine.__main__ import main
from model.convert import hub, writer
from model.convert.hub import on_disk, ready, room
from model.loading.checkpoint import load_checkpoint
from tests.model import coded_models, masked_models, published

REVISION = "0123456789" * 4


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return masked_models.save_llada(tmp_path / "tiny-llada")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The Hub's cache with one checkpoint, me/llada; nothing can be fetched."""
    stored = tmp_path / "hub" / "models--me--llada"
    masked_models.save_llada(stored / "snapshots" / REVISION)
    (stored / "refs").mkdir()
    (stored / "refs" / "main").write_text(REVISION)
    found = partial(huggingface_hub.snapshot_download, cache_dir=tmp_path / "hub")
    monkeypatch.setattr(hub, "snapshot_download", found)
    monkeypatch.setattr(hub, "is_offline_mode", lambda: True)
    return stored / "snapshots" / REVISION


def _never(*_: object) -> NoReturn:
    raise AssertionError("it was converted again")


def test_a_folder_is_converted_once(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Again where a file of it has changed."""
    told: list[str] = []
    found = ready(source, tmp_path / "kept", told.append)
    assert load_checkpoint(found).model.config.name == "tiny-llada"
    assert "is converted once" in told[0] and str(found) in told[0]
    with monkeypatch.context() as patched:
        patched.setattr(hub, "convert", _never)
        assert ready(source, tmp_path / "kept", told.append) == found
    (source / "tokenizer.json").touch()
    assert ready(source, tmp_path / "kept", told.append) != found


@pytest.mark.parametrize(
    ("save", "whole"),
    [
        (masked_models.save_dream, True),
        (partial(coded_models.save, "mmada"), True),
        (partial(coded_models.save, "dynin"), True),
        (coded_models.save_magvit, False),
        (partial(published.save, published.whisper()), False),
    ],
    ids=["dream", "mmada", "dynin", "magvit", "whisper"],
)
def test_whole_models_alone_are_converted(
    save: Callable[[Path], Path], whole: bool, tmp_path: Path
) -> None:
    folder = tmp_path / "source"
    save(folder)
    found = ready(folder, tmp_path / "kept", lambda _: None)
    assert (found != folder) is whole
    assert (tmp_path / "kept").exists() is whole
    if whole:
        load_checkpoint(found)


def test_ours_and_nothing_are_left_to_their_reader(tiny_checkpoint: Path, tmp_path: Path) -> None:
    for folder in (tiny_checkpoint, tmp_path / "nowhere"):
        assert ready(folder, tmp_path / "kept", lambda _: None) == folder


@pytest.mark.parametrize("how", ["truncated", "full disk", "stopped", "pickle"])
def test_nothing_is_left_of_half_a_conversion(
    how: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = source / "model.safetensors"
    wanted: type[BaseException] = ValueError
    says: str | None = "truncated"
    if how == "truncated":
        weights.write_bytes(weights.read_bytes()[:-9])
    elif how == "full disk":
        says = "make room or choose another disk"
        full = SimpleNamespace(disk_usage=lambda _: SimpleNamespace(free=0), rmtree=shutil.rmtree)
        monkeypatch.setattr(writer, "shutil", full)
    elif how == "stopped":
        wanted, says = KeyboardInterrupt, None

        def stopped(*_: object) -> NoReturn:
            raise KeyboardInterrupt

        monkeypatch.setattr(writer.Staging, "commit", stopped)
    else:
        weights.rename(source / "pytorch_model.bin")
        says = "pickle only"
    with pytest.raises(wanted, match=says):
        ready(source, tmp_path / "kept", lambda _: None)
    assert not [f for f in (tmp_path / "kept").iterdir() if f.is_dir()]


def test_what_a_killed_start_left_is_no_checkpoint(source: Path, tmp_path: Path) -> None:
    found = ready(source, tmp_path / "kept", lambda _: None)
    found.rename(found.with_name(f"{found.name}.part"))
    (found.with_name(f"{found.name}.part") / "config.json").write_text("{")
    assert ready(source, tmp_path / "kept", lambda _: None) == found
    load_checkpoint(found)


def test_a_name_of_the_hub_is_found_in_its_cache(cache: Path, tmp_path: Path) -> None:
    found = ready("me/llada", tmp_path / "kept", lambda _: None)
    assert load_checkpoint(found).model.config.name == "llada", "not the number of its revision"
    assert on_disk("me/llada", None).resolve() == cache.resolve()


@pytest.mark.parametrize("absent", ["model.safetensors", "config.json"])
def test_half_of_it_in_the_cache_is_fetched(
    absent: str, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / absent
    (cache / absent).rename(kept)
    asked: list[object] = []

    def fetched(name: str, *, local_files_only: bool = False, **how: object) -> str:
        if not local_files_only:
            asked.append(how["allow_patterns"])
            kept.rename(cache / absent)
        return str(cache)

    monkeypatch.setattr(hub, "snapshot_download", fetched)
    with pytest.raises(ValueError, match=r"HF_HUB_OFFLINE is set: fetch it with `hf download me"):
        ready("me/llada", tmp_path / "kept", lambda _: None)
    monkeypatch.setattr(hub, "is_offline_mode", lambda: False)
    load_checkpoint(ready("me/llada", tmp_path / "kept", lambda _: None))
    assert asked == [list(hub.READ)]
    assert not any(name.endswith((".py", ".bin", ".pt")) for name in hub.READ)


@pytest.mark.parametrize(
    "error", [OSError("no way"), ValueError("no way"), hub.HTTPError("no way")]
)
def test_what_cannot_be_fetched_is_one_sentence(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_: str, *, local_files_only: bool = False, **__: object) -> NoReturn:
        raise FileNotFoundError if local_files_only else error

    monkeypatch.setattr(hub, "snapshot_download", failing)
    monkeypatch.setattr(hub, "is_offline_mode", lambda: False)
    with pytest.raises(ValueError, match=r"could not be fetched .*\(no way\): check the name") as e:
        on_disk("me/nothing", lambda _: None)
    assert "\n" not in str(e.value)


def test_a_path_is_no_name(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where its first folder is there, or it has another form, nobody is asked."""
    monkeypatch.setattr(hub, "snapshot_download", _never)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    for path in ("runs/dynin", "nowhere", "/no/where", "a/b/c", "../b"):
        assert on_disk(path, None) == Path(path)


def test_where_they_are_kept() -> None:
    assert room({"NEXT_OMNI_CONVERTED": "/a", "XDG_CACHE_HOME": "/b"}) == Path("/a")
    assert room({"XDG_CACHE_HOME": "/b"}) == Path("/b/next-omni-live")
    assert room({}) == Path.home() / ".cache" / "next-omni-live"


def test_the_command_line_converts_and_answers(
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("NEXT_OMNI_CONVERTED", str(tmp_path / "kept"))
    asked = ["generate", "--checkpoint", str(source), "--device", "cpu", "--prompt", "What is it?"]
    for line in ("is converted once", "was converted before"):
        assert main([*asked, "--steps", "4"]) == 0
        assert line in capsys.readouterr().err
