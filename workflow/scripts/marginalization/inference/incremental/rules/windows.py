"""Windows: which positions of an activation a substitution changes, or a readout needs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypeVar

import torch
from torch.nn import functional

Key = TypeVar("Key")


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


def merged(one: Window | None, other: Window | None) -> Window | None:
    """What holds both of two parts of an activation; None for the whole."""
    return one.hull(other) if one and other and one.axis == other.axis else None


def together(parts: Iterable[tuple[Key, Window | None]]) -> dict[Key, Window | None]:
    """For each activation what holds all of its parts that are listed."""
    found: dict[Key, Window | None] = {}
    for key, window in parts:
        found[key] = merged(found[key], window) if key in found else window
    return found


def narrow(x: torch.Tensor, window: Window, offset: int = 0) -> torch.Tensor:
    """The window of a tensor whose first position is `offset`."""
    return x.narrow(window.axis, window.lo - offset, window.width)


def moved(x: torch.Tensor, delta: torch.Tensor) -> torch.Tensor:
    """A tensor with a difference: the sum, and of truth values, which differ or not, the exclusive or."""
    return x ^ delta if x.dtype == torch.bool else x + delta


def difference(after: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    """By what a tensor differs from another, as `moved` takes it."""
    return after ^ before if after.dtype == torch.bool else after - before


def fit(delta: torch.Tensor, have: Window, lo: int, hi: int) -> torch.Tensor:
    """A difference over the positions `lo` to `hi`, which may reach past the window that it is given on: zero there."""
    left, right = have.lo - lo, hi - have.hi
    if left == 0 and right == 0:
        return delta
    if have.hi <= lo or hi <= have.lo:
        return delta.new_zeros(*delta.shape[: have.axis], hi - lo, *delta.shape[have.axis + 1 :])
    return padded(delta, have.axis, left, right)


def padded(x: torch.Tensor, axis: int, left: int, right: int, value: float = 0) -> torch.Tensor:
    """A tensor with a value on both sides along an axis, or cropped there; in memory as it was."""
    if axis == 2 and by_position(x):
        return functional.pad(x.permute(2, 0, 1), [0, 0, 0, 0, left, right], value=value).permute(1, 2, 0)
    return functional.pad(x, [0, 0] * (x.ndim - 1 - axis) + [left, right], value=value)


def by_position(x: torch.Tensor) -> bool:
    """Whether (rows, channels, positions) lie in memory position by position, each with its rows of channels."""
    return x.ndim == 3 and x.stride(1) == 1 and x.stride(2) >= x.stride(0) >= x.shape[1] > 1


def lay_out(x: torch.Tensor) -> torch.Tensor:
    """The same numbers, position by position in memory with nothing in between; itself where it lies so."""
    dense = by_position(x) and x.stride(2) == x.shape[0] * x.shape[1]
    return x if dense else x.permute(2, 0, 1).contiguous().permute(1, 2, 0)


def matrix(x: torch.Tensor) -> torch.Tensor:
    """(rows, channels, positions), laid out as by `lay_out`, as (positions x rows, channels) of the same memory."""
    return x.permute(2, 0, 1).view(-1, x.shape[1])


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
