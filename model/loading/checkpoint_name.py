"""The name of a checkpoint: its folder, or its name on the Hugging Face Hub.

Imports nothing large, so a program can refuse a wrong name before it imports what loads a model.
"""

import re
from pathlib import Path

HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def is_hub_name(given: Path | str) -> bool:
    """Return whether it has the form owner/name, and nothing here is called so."""
    name = str(given)
    here = Path(name).exists() or Path(name.partition("/")[0]).exists()
    return bool(HUB_NAME.fullmatch(name)) and not here


def refuse_missing(folder: Path) -> None:
    """Raises: ValueError with one sentence where there is no such folder."""
    if not folder.is_dir():
        raise ValueError(
            f"there is no checkpoint at {folder}; check the path, or train one with `make train`"
        )
