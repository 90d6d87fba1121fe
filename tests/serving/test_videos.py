"""Films as jobs, with the official client."""

from io import BytesIO

import httpx
import numpy as np
import openai
import pytest
from PIL import Image

from engine.api.events import Refined
from engine.media.images import png_bytes
from engine.media.video import read_film
from serving.answers import video_jobs
from serving.worker import ServingSettings
from tests.fake_engine import FakeEngine
from tests.page_server import until
from tests.serving.conftest import serving
from world.video.motion import FRAMES

ASKED = {"model": "fake", "prompt": "a car drives"}


def _made(client: openai.OpenAI, **more: object) -> openai.types.Video:
    return client.videos.create_and_poll(**ASKED, poll_interval_ms=10, **more)  # type: ignore[arg-type]


def test_a_film_is_made_and_fetched(client: openai.OpenAI) -> None:
    video = _made(client, extra_body={"seed": 7, "steps": 4})
    assert (video.status, video.progress, video.seed) == ("completed", 100, 7)
    assert video.completed_at and video.completed_at >= video.created_at
    film = client.videos.download_content(video.id).read()
    assert len(read_film(film)) == FRAMES
    again = _made(client, extra_body={"seed": "7", "steps": "4"})
    assert client.videos.download_content(again.id).read() == film
    still = Image.open(
        BytesIO(client.videos.download_content(video.id, variant="thumbnail").read())
    )
    sheet = client.videos.download_content(video.id, variant="spritesheet").read()
    assert still.format == "WEBP"
    assert Image.open(BytesIO(sheet)).size == (still.width, FRAMES * still.height)


def test_it_is_told_how_far_a_film_is() -> None:
    fake = FakeEngine(0.0)
    with serving(fake) as served, fake.gated(Refined) as gate:
        client = served.client()
        video = client.videos.create(**ASKED, extra_body={"steps": 4})  # type: ignore[arg-type]
        until(lambda: client.videos.retrieve(video.id).progress == 25)
        assert client.videos.retrieve(video.id).status == "in_progress"
        with pytest.raises(openai.ConflictError, match="25 %: ask again soon"):
            client.videos.download_content(video.id)
        gate.step()
        until(lambda: client.videos.retrieve(video.id).progress == 50)
        assert client.videos.delete(video.id).deleted
        gate.open()
        until(lambda: fake.closed_after == [3])
        with pytest.raises(openai.NotFoundError, match="There is no video"):
            client.videos.retrieve(video.id)


def test_films_are_listed_for_their_owner_alone() -> None:
    with serving(FakeEngine(0.0), ServingSettings(keys=("sk-a", "sk-b"))) as served:
        one, other = served.client("sk-a"), served.client("sk-b")
        made = [_made(one).id for _ in range(3)]
        assert [v.id for v in one.videos.list()] == made[::-1]
        assert [v.id for v in one.videos.list(limit=2, order="asc")] == made
        assert list(other.videos.list()) == []
        for ask in (other.videos.retrieve, other.videos.delete, other.videos.download_content):
            with pytest.raises(openai.NotFoundError):
                ask(made[0])


def test_a_film_that_fails_says_why(client: openai.OpenAI) -> None:
    video = client.videos.create_and_poll(
        model="fake", prompt="a car, and refuse", poll_interval_ms=10
    )
    assert video.status == "failed" and video.error is not None
    assert "refuses the word 'refuse'" in video.error.message
    with pytest.raises(openai.BadRequestError, match="refuses the word"):
        client.videos.download_content(video.id)


def test_what_cannot_be_had_is_refused(client: openai.OpenAI) -> None:
    seconds = f"{FRAMES / 4:g}"
    assert _made(client, seconds=seconds).seconds == seconds
    picture = png_bytes(np.zeros((8, 8, 3), np.uint8))
    for wrong, sentence in (
        ({"seconds": "12"}, f"films of {seconds} seconds"),
        ({"input_reference": ("a.png", picture)}, "begins from words"),
        ({"extra_body": {"steps": 0}}, "Steps must be between"),
        ({"extra_body": {"colour": "red"}}, "Unknown parameter: 'colour'"),
    ):
        with pytest.raises(openai.BadRequestError, match=sentence):
            client.videos.create(**ASKED, **wrong)  # type: ignore[arg-type]
    silent = serving(FakeEngine(0.0, films=False))
    with silent as served, pytest.raises(openai.BadRequestError, match="makes no films"):
        served.client().videos.create(**ASKED)  # type: ignore[arg-type]


def test_json_does_as_well_as_a_form(client: openai.OpenAI) -> None:
    address = str(client.base_url)
    answer = httpx.post(f"{address}videos", json={**ASKED, "seed": 1})
    assert answer.json()["object"] == "video"
    assert httpx.post(f"{address}videos", content="{").status_code == 400


def test_the_oldest_film_goes_and_none_that_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_jobs, "MOST_OF_AN_OWNER", 2)
    fake = FakeEngine(0.0)
    with serving(fake) as served:
        client = served.client()
        made = [_made(client).id for _ in range(3)]
        assert [v.id for v in client.videos.list()] == made[:0:-1]
        with fake.gated(Refined):
            waiting = [client.videos.create(**ASKED).id for _ in range(2)]  # type: ignore[arg-type]
            with pytest.raises(openai.RateLimitError, match="under way"):
                client.videos.create(**ASKED)  # type: ignore[arg-type]
            assert [v.id for v in client.videos.list()] == waiting[::-1]


def test_a_film_is_forgotten_after_its_time(
    client: openai.OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = _made(client)
    monkeypatch.setattr(video_jobs, "KEPT_S", -1)
    with pytest.raises(openai.NotFoundError, match="may have expired"):
        client.videos.retrieve(video.id)
