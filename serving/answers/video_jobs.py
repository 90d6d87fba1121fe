"""Films that are made while nobody waits: jobs, found again by their id, by whoever began them.

Finished films are kept in memory for an hour, the last ones of each owner. Owns: `VideoJob`,
`VideoJobs`. Does not own: the forms and answers (`serving.api.videos`).
"""

import asyncio
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from engine.api.events import Completed, Refined
from serving.errors import ApiError, as_api_error
from serving.run_stream import RunStream

KEPT_S = 3600
MOST_OF_AN_OWNER = 32
"""Jobs of one owner that are kept; the oldest finished one goes."""


@dataclass
class VideoJob:
    """One film. created_at, completed_at: seconds since 1970. progress: percent. stream: the run;
    task: whoever follows it."""

    owner: str
    prompt: str
    stream: RunStream
    id: str = field(default_factory=lambda: f"video_{secrets.token_hex(16)}")
    created_at: int = field(default_factory=lambda: int(time.time()))
    completed_at: int | None = None
    progress: int = 0
    done: Completed | None = None
    error: ApiError | None = None
    task: asyncio.Task[None] | None = None

    @property
    def status(self) -> str:
        """One of OpenAI's four words."""
        if self.error is not None:
            return "failed"
        if self.done is not None:
            return "completed"
        return "in_progress" if self.stream.run.started_s is not None else "queued"

    @property
    def is_over(self) -> bool:
        """Return whether there is a film, or there will be none."""
        return self.done is not None or self.error is not None

    async def follow(self) -> None:
        """Take the events of the run until it is over."""
        try:
            async for event in self.stream:
                if isinstance(event, Refined):
                    self.progress = 100 * (event.index + 1) // event.num_steps
                elif isinstance(event, Completed):
                    self.done, self.completed_at = event, int(time.time())
        except Exception as error:  # whatever it is, the job says it
            self.error = as_api_error(error)


class VideoJobs:
    """The jobs of a worker."""

    def __init__(self) -> None:
        self._jobs: dict[str, VideoJob] = {}

    def add(self, job: VideoJob) -> None:
        """Keep a job. Raises: ApiError where too many of this owner are under way."""
        mine = self.of(job.owner)
        over = [one for one in mine if one.is_over]
        if len(mine) >= MOST_OF_AN_OWNER and not over:
            job.stream.cancel()
            raise ApiError(
                429,
                f"{MOST_OF_AN_OWNER} films of yours are under way: wait for one, or delete one.",
                kind="rate_limit_error",
                code="rate_limit_exceeded",
                retry=True,
            )
        if len(mine) >= MOST_OF_AN_OWNER:
            self._jobs.pop(over[0].id)
        self._jobs[job.id] = job

    def of(self, owner: str) -> list[VideoJob]:
        """Return the jobs of an owner, oldest first; what is too old goes."""
        self._forget(job for job in list(self._jobs.values()) if _is_old(job))
        return [job for job in self._jobs.values() if job.owner == owner]

    def find(self, job_id: str, owner: str) -> VideoJob:
        """Return one job. Raises: ApiError where this owner has none of that id."""
        found = next((job for job in self.of(owner) if job.id == job_id), None)
        if found is None:
            message = f"There is no video '{job_id[:80]}': it may have expired."
            raise ApiError(404, message, param="video_id", code="not_found")
        return found

    def delete(self, job: VideoJob) -> None:
        """Forget a job, and end its run."""
        self._forget([job])

    def _forget(self, jobs: Iterable[VideoJob]) -> None:
        for job in jobs:
            job.stream.cancel()
            self._jobs.pop(job.id, None)


def _is_old(job: VideoJob) -> bool:
    return job.is_over and time.time() - job.created_at > KEPT_S
