"""Windows: which positions of an activation a substitution changes, or a readout needs."""

from __future__ import annotations

from typing import NamedTuple

import torch


class Window(NamedTuple):
    """Positions `lo` to `hi` (exclusive) along `axis` of an activation; the others are as in the background.

    `flat` is the shape, without the batch, that an activation had before it was flattened into (batch, features); the
    axis then counts in that shape, with the batch.
    """

    axis: int
    lo: int
    hi: int
    flat: tuple[int, ...] | None = None

    @property
    def width(self) -> int:
        return self.hi - self.lo

    def hull(self, other: Window) -> Window:
        """The smallest window that holds both."""
        return self._replace(lo=min(self.lo, other.lo), hi=max(self.hi, other.hi))

    def clip(self, lo: int, hi: int) -> Window:
        """The part between two positions; of no width when there is none."""
        lo = max(self.lo, lo)
        return self._replace(lo=lo, hi=max(lo, min(self.hi, hi)))


def rows_within(n_bytes: int, row_bytes: int, device: torch.device) -> int:
    """How many rows to work on at a time: as many as fit, as far as they can the same number for each CPU thread."""
    rows = max(1, n_bytes // max(1, row_bytes))
    threads = torch.get_num_threads() if device.type == "cpu" else 1
    return rows if rows < threads else rows - rows % threads


def narrow(x: torch.Tensor, window: Window, offset: int = 0) -> torch.Tensor:
    """The window of a tensor whose first position is `offset`."""
    return x.narrow(window.axis, window.lo - offset, window.width)


def fit(delta: torch.Tensor, have: Window, lo: int, hi: int) -> torch.Tensor:
    """A difference over the positions `lo` to `hi`, which may reach past the window that it is given on: zero there."""
    left, right = have.lo - lo, hi - have.hi
    if left == 0 and right == 0:
        return delta
    if have.hi <= lo or hi <= have.lo:
        return delta.new_zeros(*delta.shape[: have.axis], hi - lo, *delta.shape[have.axis + 1 :])
    after = delta.ndim - 1 - have.axis
    return torch.nn.functional.pad(delta, [0, 0] * after + [left, right])


def add_into(total: torch.Tensor, window: Window, delta: torch.Tensor, have: Window) -> None:
    """Add a difference on the window `have` to a tensor on `window`, where they overlap."""
    lo, hi = max(window.lo, have.lo), min(window.hi, have.hi)
    if lo >= hi:
        return
    if hi - lo < window.width:
        total = total.narrow(window.axis, lo - window.lo, hi - lo)
    if hi - lo < have.width:
        delta = delta.narrow(have.axis, lo - have.lo, hi - lo)
    total.add_(delta)
