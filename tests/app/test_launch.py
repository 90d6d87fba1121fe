"""The settings of the page's process, from the environment and the command line."""

from pathlib import Path

import pytest

from app.launch import (
    DEFAULT_GALLERY,
    check_temporary_folder,
    read_settings,
)
from engine.api.default_checkpoint import SHIPPED
from engine.media.marking.marker import Marker


def test_nothing_said_is_the_shipped_model_for_this_machine_alone() -> None:
    settings = read_settings({"PATH": "/bin", "PORT": ""}, [])
    assert (settings.model, settings.device, settings.weights) == (SHIPPED, "auto", "auto")
    assert (settings.address, settings.port) == ("127.0.0.1", "7860")
    assert settings.gallery is None and settings.speech_codec is None
    assert settings.own_gallery == DEFAULT_GALLERY


def test_the_environment_is_read_and_the_command_line_overrides_it() -> None:
    said = {"NEXT_OMNI_CHECKPOINT": "a", "NEXT_OMNI_GALLERY": "g", "NEXT_OMNI_DEVICE": "cuda"}
    said |= {"NEXT_OMNI_WEIGHTS": "int8", "NEXT_OMNI_SPEECH_CODEC": "codec", "PORT": "1"}
    settings = read_settings(said, ["--model", "owner/name", "--device", "cpu"])
    assert (settings.model, settings.device) == (Path("owner/name"), "cpu")
    assert (settings.weights, settings.speech_codec, settings.port) == ("int8", "codec", "1")
    assert settings.own_gallery == settings.gallery == Path("g")
    assert read_settings({**said, "GRADIO_SERVER_PORT": "2"}, []).port == "2"


def test_the_engine_of_another_machine_has_its_key_from_the_environment() -> None:
    said = {"NEXT_OMNI_ENGINE": "http://a:1", "NEXT_OMNI_ENGINE_KEY": "sk"}
    settings = read_settings(said, ["--engine", "http://b:2"])
    assert (settings.engine, settings.engine_key) == ("http://b:2", "sk")
    assert read_settings({}, []).engine == ""
    with pytest.raises(SystemExit):
        read_settings({}, ["--engine-key", "sk"])


@pytest.mark.parametrize("said", [{"SPACE_ID": "owner/space"}, {"GRADIO_SERVER_NAME": "0.0.0.0"}])
def test_a_page_for_others_takes_in_no_folder(said: dict[str, str]) -> None:
    assert read_settings(said, []).own_gallery is None


@pytest.mark.parametrize("port", ["99999", "abc", "0", "-1", "1e3", "٣", "9" * 5000])
def test_a_port_that_is_none_is_told(port: str) -> None:
    with pytest.raises(ValueError, match="the port is a whole number from 1 to 65535, not"):
        _ = read_settings({"PORT": port}, []).port_number
    assert read_settings({"PORT": "8080"}, []).port_number == 8080


def test_an_unwritable_temporary_folder_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_temporary_folder()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match=r"no temporary folder to write to .*set TMPDIR"):
        check_temporary_folder()


def test_marks_are_an_option() -> None:
    assert read_settings({}, []).marker == Marker()
    assert not read_settings({}, ["--marks", "off"]).marker.on
    assert not read_settings({"NEXT_OMNI_MARKS": "off"}, []).marker.on
    assert read_settings({"NEXT_OMNI_MARK_KEY": "mine"}, []).marker.key == "mine"
    with pytest.raises(ValueError, match="on or off"):
        _ = read_settings({}, ["--marks", "loud"]).marker
