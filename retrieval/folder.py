"""A local folder as part of a gallery: its files stay in place.

A file whose size and time are known is not opened; one whose content is known is not embedded. So
an interrupted run goes on where it stopped. Owns: `add_folder`.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from stat import S_ISREG

from engine.api.request import Modality
from retrieval.draft import Draft, Progress, Report
from retrieval.gallery import Gallery
from retrieval.item import Item, content_id
from retrieval.media import TRIED, part_of_file

LARGEST = 500_000_000
"""The most bytes of a file that is read."""


def media_files(folder: Path) -> list[Path]:
    """Return the images, audio, videos and texts below a folder, by name, without hidden ones.

    Raises: ValueError where there is no such folder.

    """
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}: check the path")
    found: list[Path] = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(place, n) for n in files if not n.startswith(".") and _is_media(n)]
    return sorted(found)


def _is_media(name: str) -> bool:
    return Path(name).suffix.lower() in TRIED


def add_folder(gallery: Gallery, folder: Path, progress: Progress | None = None) -> Report:
    """Add the files below a folder; progress is called for each. A changed file replaces its
    earlier item; unreadable files are reported.

    Raises: ValueError where there is no such folder, see also `Gallery.add`.

    """
    reading = _Reading(gallery, progress)
    report = gallery.add(reading.drafts(media_files(folder.absolute())))
    gallery.amend(reading.moved)
    gallery.delete([i for i in reading.outdated if i not in reading.seen])
    return report + Report(0, reading.known, tuple(reading.refused))


@dataclass
class _Reading:
    """The state of a scan. moved: known items at new paths or with new file states. outdated: ids
    of the earlier contents of changed files. seen: ids of the current contents."""

    gallery: Gallery
    progress: Progress | None
    known: int = 0
    moved: list[Item] = field(default_factory=list)
    outdated: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    refused: list[tuple[str, str]] = field(default_factory=list)

    def drafts(self, files: list[Path]) -> Iterator[Draft]:
        known = dict(self.gallery.items)
        places = {item.file: item for item in known.values() if item.file}
        for file in files:
            try:
                draft = self._draft(file, known, places.get(str(file)))
            except ValueError as error:
                self.refused.append((str(file), str(error)))
            except OSError as error:
                self.refused.append((str(file), f"{file.name} cannot be read: {error.strerror}"))
            else:
                if draft is not None:
                    yield draft
            if self.progress is not None:
                self.progress(1)

    def _draft(self, file: Path, known: dict[str, Item], before: Item | None) -> Draft | None:
        """Return the draft of a file; None where its content is known."""
        stat = file.stat()
        if not S_ISREG(stat.st_mode):
            raise ValueError(f"{file.name} is no file: a pipe or a device is not read")
        state = {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns}
        if before is not None and state.items() <= before.provenance.items():
            self.known += 1
            self.seen.add(before.id)
            return None
        if stat.st_size > LARGEST:
            raise ValueError(f"{file.name} has over {LARGEST // 10**6} MB: please cut it")
        content = file.read_bytes()
        found = next((i for m in _kinds(file) if (i := content_id(m, content)) in known), None)
        if before is not None and before.id != found:
            self.outdated.append(before.id)
        if found is not None:
            self.known += 1
            self.seen.add(found)
            item = known[found]
            if item is before or not Path(item.file).exists():
                noted = {**item.provenance, **state}
                self.moved.append(replace(item, file=str(file), provenance=noted))
            return None
        modality, part = part_of_file(file)
        item = Item(
            content_id(modality, content),
            modality,
            file=str(file),
            caption=file.stem if part.text is None else " ".join(part.text.split()),
            provenance={"source": "folder", **state},
        )
        known[item.id] = item
        self.seen.add(item.id)
        return Draft(item, part)


def _kinds(file: Path) -> tuple[Modality, ...]:
    return TRIED[file.suffix.lower()]
