"""Rows of several lengths as one sequence: what exists first, row after row.

FlashAttention takes no mask, but it takes rows that lie one after the other. Sizes depend on the
padded shape only and nothing is read back from the device, so a packed pass can be recorded as a
CUDA graph. Owns: `Packing`.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Packing:
    """The order of the positions of "B L" in one row of T = B L. order: int64 "T", the position
    that comes to each place; places: int64 "T", its inverse. starts: int32 "B + 1", the first place
    of each row, and the end of the last; what does not exist lies behind. longest: L. causal:
    whether a position attends only to those before it in its row, and to itself."""

    order: Tensor
    places: Tensor
    starts: Tensor
    valid: Tensor
    longest: int
    causal: bool

    @classmethod
    def of(cls, valid: Tensor, *, causal: bool) -> "Packing":
        """Return the packing of the positions that exist, bool "B L"."""
        flat = valid.flatten()
        behind = flat.sum() + (~flat).cumsum(0) - 1
        places = torch.where(flat, flat.cumsum(0) - 1, behind)
        every = torch.arange(len(places), device=places.device)
        order = torch.empty_like(places).scatter_(0, places, every)
        starts = torch.nn.functional.pad(valid.sum(1).cumsum(0), (1, 0)).int()
        return cls(order, places, starts, flat, valid.shape[1], causal)

    def pack(self, x: Tensor) -> Tensor:
        """ "B L ..." -> "1 T ..."."""
        return x.flatten(0, 1)[self.order][None]

    def unpack(self, x: Tensor) -> Tensor:
        """ "1 T D" -> "B L D", zero where a position does not exist: there attention wrote
        nothing."""
        flat = torch.where(self.valid[:, None], x[0, self.places], 0)
        return flat.unflatten(0, (-1, self.longest))

    def to(self, device: torch.device) -> "Packing":
        """Return the same packing on another device."""
        moved = {name: getattr(self, name).to(device) for name in ("order", "places", "starts")}
        return replace(self, valid=self.valid.to(device), **moved)
