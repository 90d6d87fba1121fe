"""Suites have cases in the large domain, too, where some things are not counted."""

import pytest

from evaluation.suites import captions, chat, editing, scenes, video
from world.domain import domain


@pytest.mark.parametrize("seed", range(3))
def test_every_suite_finds_its_cases(seed: int) -> None:
    with domain("large"):
        assert all(len(asked) == 24 for asked in captions.plan(24, seed).values())
        assert len(scenes.plan(24, seed)) == len(chat.plan(24, seed)) == 24
        assert len(video.plan(20, seed)) == 20
        assert len(editing.plan(14, seed)) == 14
