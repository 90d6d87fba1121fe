"""Several processes train one model (`torchrun`): who draws what, and the mean of their gradients.

Each process has all of the weights (data parallel; Li et al. 2020, arXiv:2006.15704), or a part of
each (`training.loop.sharding`). N processes with A batches a step see the batches that one process
with N A sees, so the same command runs on one device and on many. Owns: `Ranks`. Does not own: what
a batch is, the optimiser.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn

LONGEST_WAIT = timedelta(hours=1)
"""The timeout of other processes while the first one builds caches and reports."""


@dataclass(frozen=True)
class Ranks:
    """The process's rank and the number of processes. sharded: each holds a part of the weights,
    else all of them."""

    rank: int = 0
    num: int = 1
    sharded: bool = False

    @classmethod
    def joined(cls, environment: Mapping[str, str]) -> "Ranks":
        """Join the process group that `torchrun` describes and take the CUDA device of the local
        rank."""
        if "WORLD_SIZE" not in environment or environment["WORLD_SIZE"] == "1":
            return cls()
        on_cuda = torch.cuda.is_available()
        if on_cuda:
            torch.cuda.set_device(int(environment["LOCAL_RANK"]))
        backend = "cpu:gloo,cuda:nccl" if on_cuda else "gloo"
        dist.init_process_group(backend, timeout=LONGEST_WAIT)
        return cls(dist.get_rank(), dist.get_world_size())

    def leave(self) -> None:
        """Leave the process group."""
        if self.num > 1:
            dist.destroy_process_group()

    @property
    def is_first(self) -> bool:
        """Return whether this process saves, reports and shows progress."""
        return self.rank == 0

    def place(self, part: int) -> int:
        """Return the global number of this process's batch `part`."""
        return part * self.num + self.rank

    @contextmanager
    def one_first(self) -> Iterator[None]:
        """Run the block in the first process, then in the others, so that caches are built once."""
        if self.num > 1 and not self.is_first:
            dist.barrier()
        try:
            yield
        finally:
            if self.num > 1 and self.is_first:
                dist.barrier()

    @torch.no_grad()
    def agree(self, model: nn.Module) -> None:
        """Broadcast the weights of the first process."""
        if self.num > 1:
            for tensor in model.state_dict().values():
                dist.broadcast(tensor, 0)

    def same(self, value: float, like: Tensor) -> float:
        """Return the first process's value, sent through the device of `like`."""
        if self.num == 1:
            return value
        said = torch.tensor(value, dtype=torch.float64, device=like.device)
        dist.broadcast(said, 0)
        return float(said)

    @torch.no_grad()
    def mean_gradients(self, model: nn.Module, count: int) -> int:
        """Average the gradients over all processes (a missing one counts as zero; sharded ones are
        averaged already) and return the sum of the counts."""
        if self.num == 1:
            return count
        trained = [p for p in model.parameters() if p.requires_grad and not self.sharded]
        parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in trained]
        seen = torch.tensor([float(count)], device=next(model.parameters()).device)
        both = torch.cat([*(p.flatten().float() / self.num for p in parts), seen])
        dist.all_reduce(both)
        means = both[:-1].split([p.numel() for p in trained])
        for p, mean in zip(trained, means, strict=True):
            p.grad = mean.view_as(p).to(p.dtype)
        return round(float(both[-1]))


ALONE = Ranks()
"""The rank of a single process."""
