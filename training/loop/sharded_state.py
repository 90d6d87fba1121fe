"""Files of a state whose weights are shared out, by torch.distributed.checkpoint.

Imported only where weights are sharded: the library takes seven seconds to import. Does not own:
what belongs to a state, and where it lies (`training.loop.run_state`).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.checkpoint.filesystem import FileSystemReader
from torch.distributed.checkpoint.metadata import TensorStorageMetadata
from torch.distributed.checkpoint.state_dict import (
    get_optimizer_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save


def save_parts(state: dict[str, Any], place: Path) -> None:
    """Write this process's parts of a state into a folder; every process calls it."""
    save(state, checkpoint_id=place)


def load_parts(state: dict[str, Any], place: Path) -> None:
    """Fill the tensors of a state from a folder of parts, for any number of processes."""
    load(state, checkpoint_id=place)


def moments(module: nn.Module, optimisers: Sequence[torch.optim.Optimizer]) -> dict[str, Any]:
    """Return the state of the optimisers of a module."""
    return get_optimizer_state_dict(module, optimisers)


def restore_moments(
    module: nn.Module, optimisers: Sequence[torch.optim.Optimizer], state: dict[str, Any]
) -> None:
    """Set the state of the optimisers of a module."""
    set_optimizer_state_dict(module, optimisers, optim_state_dict=state)


def whole_tensors(place: Path, names: tuple[str, ...]) -> dict[str, Tensor]:
    """Return the whole tensors in a folder of parts whose names start with `names`, in one
    process."""
    reader = FileSystemReader(place)
    wanted = {
        name: torch.empty(kept.size, dtype=kept.properties.dtype)
        for name, kept in reader.read_metadata().state_dict_metadata.items()
        if name.startswith(names) and isinstance(kept, TensorStorageMetadata)
    }
    load(wanted, storage_reader=reader, no_dist=True)
    return wanted
