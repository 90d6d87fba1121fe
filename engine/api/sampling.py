"""The settings of a sampler, as a value that refuses out-of-range numbers."""

from dataclasses import dataclass, replace

from flow.calibration import GRIDS
from flow.transition import TRANSITIONS
from samplers.catalogue import SAMPLERS, methods, sampler_of
from samplers.masked import MaskSchedule, Remasking

MAX_STEPS = 1024
"""Also the longest answer that is written from left to right, a position a step."""
MAX_SEED = 2**53 - 1
"""The largest integer that a page's JavaScript keeps exact."""
MAX_GUIDANCE_SCALE = 10.0
MAX_DRAFTS = 8
MIN_PATH, MAX_PATH = 0.05, 50.0
"""Limits of the numbers c and a of a path; a run outside learns nothing from its state."""


@dataclass(frozen=True)
class Sampling:
    """The sampling settings. sampler: a name of `samplers.catalogue.SAMPLERS`; None is the
    checkpoint's own. steps: network steps; a sampler that commits whole positions takes at most
    one a position. transition (flow only):
    `flow.transition.TRANSITIONS`. grid (flow only): steps even in t ("uniform"), in the logarithm
    of information ("information", see `flow.calibration`) or in the clock `flow.schedule.TUNED`
    ("tuned"). c, a (flow only): of the path, beta(t) = c (t / (1-t))^a. patience (flow only): end
    early once nothing has changed for so many steps. remasking, mask_schedule, threshold (masked
    only): see `samplers.masked`. stop_at_end (masked only): nothing is computed behind the end of
    an answer in words once all before it is written; the words are the same. cache_share,
    prompt_every: see `engine.denoisers.cache`; None is no cache, and a run from left to right has
    its own. keep_threshold: patches of a picture that the model keeps with this probability or a
    larger one are frozen from the start, see `engine.generation.edit_mask`; 1 freezes none. drafts:
    so many pictures or films with the seeds that follow, of which the best is kept, see
    `engine.best_of_n`.

    guidance_scale s mixes logits as (1+s) cond - s uncond (0 = off), at times in guidance_interval;
    guidance_every n evaluates the unconditional branch in every n-th call only. temperature and
    top_p apply to the draw of x_1; the temperature is the one at the end of the run, a checkpoint
    may start higher. None takes the checkpoint's own default for the modality that is generated.
    """

    sampler: str | None = None
    steps: int | None = None
    transition: str | None = None
    guidance_scale: float | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int = 0
    patience: int | None = None
    remasking: str = "low_confidence"
    mask_schedule: str | None = None
    threshold: float | None = None
    guidance_interval: tuple[float, float] = (0.0, 1.0)
    guidance_every: int = 1
    grid: str | None = None
    c: float | None = None
    a: float | None = None
    cache_share: float | None = None
    prompt_every: int = 0
    stop_at_end: bool = False
    keep_threshold: float = 0.5
    drafts: int = 1

    def __post_init__(self) -> None:
        if self.sampler is not None and self.sampler not in SAMPLERS:
            known = ", ".join(SAMPLERS)
            raise ValueError(f"unknown sampler {self.sampler!r}: choose one of {known}")
        for what, name, known in (
            ("transition", self.transition, tuple(TRANSITIONS)),
            ("remasking", self.remasking, tuple(Remasking)),
            ("mask schedule", self.mask_schedule, tuple(MaskSchedule)),
        ):
            if name is not None and name not in known:
                raise ValueError(f"unknown {what} {name[:40]!r}: choose one of {', '.join(known)}")
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise ValueError(f"the threshold must be between 0 and 1, not {self.threshold:g}")
        if self.patience is not None and self.patience < 1:
            raise ValueError(f"patience must be at least 1 step, not {self.patience}")
        if self.steps is not None and not 1 <= self.steps <= MAX_STEPS:
            raise ValueError(
                f"steps must be between 1 and {MAX_STEPS}, not {self.steps}; 16 is a good start"
            )
        if not 0 <= self.seed <= MAX_SEED:
            raise ValueError(
                f"the seed must be a whole number from 0 to {MAX_SEED}, not {self.seed}"
            )
        if self.guidance_scale is not None and not 0 <= self.guidance_scale <= MAX_GUIDANCE_SCALE:
            raise ValueError(
                f"guidance must be from 0 to {MAX_GUIDANCE_SCALE:g}, not {self.guidance_scale:g}"
            )
        if self.grid is not None and self.grid not in GRIDS:
            raise ValueError(f"unknown grid {self.grid!r}: choose one of {', '.join(GRIDS)}")
        for name, value in (("c", self.c), ("a", self.a)):
            if value is not None and not MIN_PATH <= value <= MAX_PATH:
                raise ValueError(
                    f"{name} of the path must be from {MIN_PATH} to {MAX_PATH:g}, not {value:g}"
                )
        low, high = self.guidance_interval
        if not 0 <= low <= high <= 1:
            raise ValueError(
                f"guidance goes from a time to a later one in 0..1, not from {low:g} to {high:g}"
            )
        if self.guidance_every < 1:
            raise ValueError(f"guidance_every must be at least 1, not {self.guidance_every}")
        if self.cache_share is not None and not 0 <= self.cache_share <= 1:
            raise ValueError(f"the cache's share must be between 0 and 1, not {self.cache_share:g}")
        if self.prompt_every < 0:
            raise ValueError(f"prompt_every must be at least 0, not {self.prompt_every}")
        if not 0 < self.keep_threshold <= 1:
            raise ValueError(
                f"keep_threshold must be above 0 and at most 1, not {self.keep_threshold:g}"
            )
        if not 1 <= self.drafts <= MAX_DRAFTS:
            raise ValueError(f"drafts must be from 1 to {MAX_DRAFTS}, not {self.drafts}")
        if self.temperature is not None and not 0 <= self.temperature <= 2:
            raise ValueError(f"temperature must be between 0 and 2, not {self.temperature:g}")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ValueError(f"top_p must be above 0 and at most 1, not {self.top_p:g}")

    @property
    def method(self) -> str | None:
        """Its name in `samplers.catalogue.methods`; None where the checkpoint's is taken."""
        return self.transition if self.sampler in (None, "flow") else self.sampler

    @property
    def by_flow(self) -> "Sampling":
        """The same settings by flow matching."""
        return replace(self, sampler="flow")

    def by(self, method: str | None) -> "Sampling":
        """Return the same settings with another method; None leaves the checkpoint's.

        Raises: ValueError where `samplers.catalogue` does not have it.
        """
        if method is None:
            return replace(self, sampler=None, transition=None)
        if method not in methods():
            known = ", ".join(methods())
            raise ValueError(f"there is no method {method[:40]!r}: choose one of {known}")
        name = sampler_of(method)
        variant = method if method in SAMPLERS[name].variants else None
        return replace(self, sampler=name, transition=variant)

    def reads(self, setting: str) -> bool:
        """Return whether the sampler reads a setting; the checkpoint's own is taken for flow
        matching, which reads most."""
        return setting in SAMPLERS[self.sampler or "flow"].settings
