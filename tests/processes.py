"""Processes that train together, each begun with everything imported."""

import os
import socket
from collections.abc import Callable
from typing import Any

from torch import multiprocessing
from torch.multiprocessing.spawn import start_processes

IMPORTED = [
    "training.__main__", "torch._dynamo", "torch.distributed.checkpoint", "torch.distributed.fsdp",
]  # fmt: skip
"""The modules that one server process imports and every process of a test inherits."""


def run_together(work: Callable[..., None], *given: Any, num: int = 2) -> None:
    """Call work(rank, port, *given) in each of num processes."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = int(server.getsockname()[1])
    multiprocessing.set_forkserver_preload(IMPORTED)
    start_processes(work, (port, *given), nprocs=num, start_method="forkserver")


def name_rank(rank: int, port: int, num: int = 2) -> None:
    """Tell torch, by the environment, which of how many processes this one is."""
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(num), "LOCAL_RANK": str(rank)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
