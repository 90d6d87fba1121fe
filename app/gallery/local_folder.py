"""A folder of the owner's that becomes part of the gallery while the page runs.

Owns: the path as it is written, and what is told meanwhile and at the end. Does not own: who may do
that (`app.admission.origins`), the gallery (`app.gallery.library`), how files are read
(`retrieval.folder`).
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Protocol

from retrieval.draft import Progress, Report
from retrieval.folder import media_files

NO_PATH = "write the path of a folder on this machine, such as ~/Pictures"
NOT_HERE = "a folder can be added only on the machine that serves this page"
NOTHING = "There are no pictures, sounds, films or texts in this folder."
TOLD_EVERY_S = 0.3
MOST_LEFT_OUT = 20
"""Files that are named."""


class FolderReceiver(Protocol):
    """The receiver of the files: `app.gallery.library.Library`."""

    def add_folder(self, folder: Path, progress: Progress | None = None) -> Report: ...


def read_folder(path: str) -> Path:
    """The folder that is meant. Raises: ValueError where there is none."""
    name = path.strip().strip("'\"")
    if not name:
        raise ValueError(NO_PATH)
    try:
        folder = Path(name).expanduser().absolute()
    except RuntimeError as error:
        raise ValueError(f"there is no folder {name}: check the path") from error
    media_files(folder)
    return folder


def add_with_progress(receiver: FolderReceiver, folder: Path) -> Iterator[str]:
    """Adds a folder's files: how far it is as HTML, then the report. Who stops listening does not
    end it.

    Raises: what `FolderReceiver.add_folder` does.
    """
    num, job = len(media_files(folder)), _Job(receiver, folder)
    job.start()
    while job.is_alive():
        yield f"<p role='status'>{job.done} of {num} files …</p>"
        job.join(TOLD_EVERY_S)
    if job.trouble is not None:
        raise job.trouble
    assert job.report is not None
    yield report_html(job.report)


def report_html(report: Report) -> str:
    """Return the report as HTML: counts and some of those that were left out, with the reason."""
    num = len(report.refused)
    if not num and not report.added and not report.known:
        return f"<p role='status'>{NOTHING}</p>"
    told = f"{report.added} added, {report.known} known already, {num} left out."
    named = [f"<li>{escape(why)} ({escape(n)})</li>" for n, why in report.refused[:MOST_LEFT_OUT]]
    more = num - len(named)
    named += [f"<li>and {more} more</li>"] if more else []
    return f"<p role='status'>{told}</p>" + (f"<ul>{''.join(named)}</ul>" if named else "")


@dataclass(eq=False)
class _Job(threading.Thread):
    receiver: FolderReceiver
    folder: Path
    done: int = 0
    report: Report | None = None
    trouble: Exception | None = field(default=None)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    def run(self) -> None:
        try:
            self.report = self.receiver.add_folder(self.folder, self._count)
        except Exception as error:  # raised again where it is waited for
            self.trouble = error

    def _count(self, more: int) -> None:
        self.done += more
