"""Films that the tests of motion and of its words share."""

from functools import cache

import numpy as np

from world.video.motion import Motion, Placed, VideoScene, placed, sample_video


@cache
def films(
    num: int, seed: int, *, test: bool = False, motion: Motion | None = None
) -> list[VideoScene]:
    rng = np.random.default_rng(seed)
    return [sample_video(rng, test=test, motion=motion) for _ in range(num)]


def paths(film: VideoScene) -> list[list[Placed]]:
    """What each mover does, over the frames in which it is seen."""
    shown = [frame[len(film.still) :] for frame in placed(film)]
    return [[frame[i] for frame in shown if frame] for i in range(len(film.movers))]


def places(path: list[Placed]) -> np.ndarray:
    """int "frames 2": column and row."""
    return np.array([(p.item.column, p.item.row) for p in path])


def trained() -> list[VideoScene]:
    """Of training."""
    return films(1200, 14)


def some() -> list[VideoScene]:
    """Of training and of test."""
    return trained()[:300] + films(150, 1, test=True)
