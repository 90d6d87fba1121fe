"""A parser of videos that reads frames alone, and the judge of generated videos.

Each frame is parsed by `evaluation.judges.image_parser`, detections are linked into tracks, and one
rule a motion classifies a track. The image parser knows upright sprites only, so a spinning object
is detected in some frames and matched by rotated sprites in the others. Owns: `ParsedVideo`,
`parse_video`, `VideoVerdict`, `verdict`. Does not own: reading frames, films
(`world.video.motion`).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from evaluation.judges.image_parser import Detected, Parsed, judged_size, parse
from world.image.rendering import background_picture
from world.image.scenes import CELL_PX, Background
from world.image.sprites import sprite
from world.video.motion import FRAMES, SLIDES, Motion, VideoScene

Thing = tuple[str, str | None]
"""A concept and its colour, None for things that have one look."""
Sightings = list[tuple[int, Detected]]
"""One thing in some frames: (frame, what was read), in order."""

LEAST_SEEN, LEAST_FOLLOWED = 3, 5
"""The fewest frames in which an object must be detected to count, and to slide or bounce."""
LEAST_WAY_PX, MOST_ASIDE_PX = 2 * CELL_PX, CELL_PX
"""The shortest slide, and the exclusive bound of its sideways deviation."""
LEAST_STEPS, STEP_PX, SLACK_PX = 3, CELL_PX // 2, CELL_PX // 4
"""The fewest steps of more than `STEP_PX` in a slide; no step goes back more than `SLACK_PX`."""
LEAST_RISE_PX, MOST_TURNS = CELL_PX * 3 // 2, 3
"""The smallest rise of a bounce, half of which must come down again, and its most turns."""
HIDDEN = 2
"""The number of first frames in which a thing that appears is not seen."""
QUARTER_TURNS = 5
"""The fewest quarter turns in one direction, of the 7 frame steps, of a spinning object."""
EXPLAINED, CLEARER = 0.7, 0.7
"""The largest squared error of a rotated sprite, relative to the empty background and to the
upright sprite; after the tokenizer it is 0.1 to 0.6 of either."""


@dataclass(frozen=True)
class ParsedVideo:
    """A parsed video. movers: moving objects; still: the others. motion: the motion of all movers,
    or `CROSS`; None where nothing moves or the motions differ."""

    movers: tuple[Thing, ...]
    still: tuple[Thing, ...]
    motion: Motion | None
    background: Background


@dataclass(frozen=True)
class VideoVerdict:
    """direction: the motion is the film's. object: the movers have the right concept, colour and
    number, or where nothing moves, they stand there. background: it is the film's."""

    direction: bool
    object: bool
    background: bool

    @property
    def both(self) -> bool:
        """Return whether the right objects have the right motion."""
        return self.direction and self.object


@dataclass(frozen=True)
class _Track:
    """The detections of one object, by frame."""

    seen: Sightings

    @property
    def frames(self) -> list[int]:
        return [frame for frame, _ in self.seen]

    @property
    def thing(self) -> Thing:
        """Return the concept with the colour detected most often."""
        return Counter((o.concept, o.colour) for _, o in self.seen).most_common(1)[0][0]

    @property
    def centres_px(self) -> np.ndarray:
        """ "N 2", x and y."""
        return np.array([o.centre_px for _, o in self.seen])

    @property
    def clearest(self) -> Detected:
        return max((o for _, o in self.seen), key=lambda o: o.score)

    @property
    def stays(self) -> bool:
        return bool((np.ptp(self.centres_px, axis=0) < MOST_ASIDE_PX).all())


def verdict(film: VideoScene, frames: np.ndarray) -> VideoVerdict:
    """Judge frames, uint8 "8 H H 3", that were to show the film.

    Sizes, the object that stands still and, in `CROSS`, who comes from where are not asked for.

    """
    found = parse_video(frames)
    wanted = Counter((i.concept, i.colour) for i in film.movers)
    names = {concept for concept, _ in wanted}
    shown = found.movers or tuple(t for t in found.still if t[0] in names)
    return VideoVerdict(
        direction=found.motion is film.motion,
        object=Counter(shown) == wanted,
        background=found.background == film.background,
    )


def parse_video(frames: np.ndarray) -> ParsedVideo:
    """Parse frames, uint8 "8 H H 3", as `parse` does images. Frames without detections are skipped.

    slides: one way, two cells or more in three steps or more, less than a cell aside. bounce: up
    and back again, with three turns at most. grow, shrink: by a cell or more, never the other way.
    appear: not in the first two frames, and in the last. spin: by quarter turns, nearly always the
    same way. cross: two different things slide past each other, to the left and to the right.
    Raises ValueError where the frames have another number, shape or type.

    """
    if len(frames) != FRAMES:
        raise ValueError(f"a film has {FRAMES} frames, not {len(frames)}")
    frames = judged_size(frames)
    different = {frame.tobytes(): frame for frame in frames}
    read = {key: parse(frame) for key, frame in different.items()}
    readings = [read[frame.tobytes()] for frame in frames]
    background = Counter(r.background for r in readings).most_common(1)[0][0]
    tracks = _tracks(readings)
    spinners = _spinners(frames, background, tracks)
    others = [t for t in tracks if len(t.seen) >= LEAST_SEEN]
    others = [t for t in others if not any(_stands_in(t, s) for s in spinners)]
    does = [(s, Motion.SPIN) for s in spinners] + [(t, _motion(t)) for t in others]
    moving = [(t, motion) for t, motion in does if motion is not None or not t.stays]
    still = [t.thing for t, motion in does if motion is None and t.stays]
    return ParsedVideo(
        tuple(t.thing for t, _ in moving), tuple(still), _together(moving), background
    )


def _tracks(readings: Sequence[Parsed]) -> list[_Track]:
    """Link detections into tracks: those of one concept continue the nearest earlier ones."""
    tracks: list[Sightings] = []
    for frame, parsed in enumerate(readings):
        for concept in dict.fromkeys(o.concept for o in parsed.objects):
            found = [o for o in parsed.objects if o.concept == concept]
            before = [t for t in tracks if t[0][1].concept == concept]
            for track, i in _nearest(before, found):
                track.append((frame, found[i]))
            new = [o for o in found if all(t[-1][1] is not o for t in before)]
            tracks += [[(frame, o)] for o in new]
    return [_Track(t) for t in tracks]


def _nearest(before: list[Sightings], found: list[Detected]) -> list[tuple[Sightings, int]]:
    """Return pairs (track, index of a detection) with the least sum of squared distances."""
    if not before:
        return []
    ends = np.array([t[-1][1].centre_px for t in before])
    there = np.array([o.centre_px for o in found])
    rows, columns = linear_sum_assignment(((ends[:, None] - there) ** 2).sum(-1))
    return [(before[row], int(column)) for row, column in zip(rows, columns, strict=True)]


def _motion(track: _Track) -> Motion | None:
    """Classify the motion of a track that does not spin."""
    x, y = track.centres_px.T
    if len(track.seen) >= LEAST_FOLLOWED:
        for motion, (right, down) in SLIDES.items():
            along, aside = right * x + down * y, down * x + right * y
            if _slides(along) and np.ptp(aside) < MOST_ASIDE_PX:
                return motion
        if np.ptp(x) < MOST_ASIDE_PX and _bounces(-y):
            return Motion.BOUNCE
    if not track.stays:
        return None
    sizes = np.array([o.size_px for _, o in track.seen])
    for motion, sign in ((Motion.GROW, 1), (Motion.SHRINK, -1)):
        steps = sign * np.diff(sizes)
        if (steps >= 0).all() and steps.sum() >= CELL_PX:
            return motion
    return Motion.APPEAR if _appears(track.frames) else None


def _slides(along: np.ndarray) -> bool:
    steps = np.diff(along)
    goes = (steps > STEP_PX).sum() >= LEAST_STEPS and (steps >= -SLACK_PX).all()
    return bool(goes and along[-1] - along[0] >= LEAST_WAY_PX)


def _bounces(height: np.ndarray) -> bool:
    steps = np.diff(height)
    turns = np.count_nonzero(np.diff(np.sign(steps[np.abs(steps) > SLACK_PX])))
    rises = height - np.minimum.accumulate(height)
    falls = height - np.minimum.accumulate(height[::-1])[::-1]
    comes_back = (np.minimum(rises, 2 * falls) >= LEAST_RISE_PX).any()
    return bool(turns <= MOST_TURNS and comes_back)


def _appears(frames: list[int]) -> bool:
    """Return whether a track starts late and lasts to the end, with at most one gap."""
    return (
        frames[0] >= HIDDEN and frames[-1] == FRAMES - 1 and len(frames) >= frames[-1] - frames[0]
    )


def _together(moving: list[tuple[_Track, Motion | None]]) -> Motion | None:
    """Return the motion that all tracks share."""
    motions = {motion for _, motion in moving}
    if len(motions) == 1:
        return motions.pop()
    if len(moving) == 2 and motions == {Motion.LEFT, Motion.RIGHT}:
        one, other = (t.centres_px[:, 0] for t, _ in moving)
        passes = (one[0] < other[0]) != (one[-1] < other[-1])
        different = moving[0][0].thing[0] != moving[1][0].thing[0]
        return Motion.CROSS if passes and different else None
    return None


def _spinners(frames: np.ndarray, background: Background, tracks: list[_Track]) -> list[_Track]:
    """Return the tracks of spinning objects; of several in one place the best fit."""
    errors = {i: _spin_error(frames, background, t) for i, t in enumerate(tracks) if t.stays}
    spins = sorted((error, i) for i, error in errors.items() if error is not None)
    found: list[_Track] = []
    for _, i in spins:
        if not any(_stands_in(tracks[i], s) for s in found):
            found.append(tracks[i])
    return found


def _spin_error(frames: np.ndarray, background: Background, track: _Track) -> float | None:
    """Return the mean squared error of the sprite at each frame's best rotation; None where the
    object does not spin."""
    clearest = track.clearest
    side = clearest.size_px
    left, top = (round(c - side / 2) for c in clearest.centre_px)
    box = np.s_[top : top + side, left : left + side]
    behind = background_picture(background)[box]
    art = sprite(*track.thing, side)
    turned = np.stack([np.rot90(art, -turns) for turns in range(4)])
    drawn = behind * (1 - turned[..., 3:]) + turned[..., :3]
    shown = frames[:, *box].astype(np.float32) / 255
    empty = ((shown - behind) ** 2).mean((1, 2, 3))
    errors = ((shown[:, None] - drawn) ** 2).mean((2, 3, 4))
    least = errors.min(1)
    turns = np.where(least < CLEARER * errors[:, 0], errors.argmin(1), 0)
    fits = least < EXPLAINED * empty
    steps = (np.diff(turns) % 4)[fits[1:] & fits[:-1]]
    spins = max((steps == 1).sum(), (steps == 3).sum()) >= QUARTER_TURNS
    return float(least.mean()) if spins else None


def _stands_in(track: _Track, place: _Track) -> bool:
    """Return whether the centre of a track lies in the other's box."""
    away = np.abs(np.subtract(track.clearest.centre_px, place.clearest.centre_px))
    return bool((away < place.clearest.size_px / 2).all())
