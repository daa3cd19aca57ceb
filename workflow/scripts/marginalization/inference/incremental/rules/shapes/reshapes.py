"""Reshapes, permutations and copies: positions that stay in their order, split or merged."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import torch
from torch.fx import Node

from ..base import Backgrounds, Deltas, Operation, Rule, aten, overloads, shape_of
from ..windows import Window, fit

PERMUTATIONS = set(overloads("permute transpose.int swapaxes swapdims movedim.int movedim.intlist mT"))


class Reshape(Rule):
    """Operations that move or drop dimensions, and leave the positions in their order."""

    cuts = True
    any_dtype = True

    @classmethod
    def on(cls, op: Operation, window: Window) -> Self | None:
        before = shape_of(op.source)
        if op.target in PERMUTATIONS:
            order = permuted(op, len(before) + 1)
            return cls(op.node, window._replace(axis=order.index(window.axis)))
        ahead, length = _place(op, window)
        for axis in range(1, len(op.shape) + 1):
            if op.shape[axis - 1] == length and math.prod(op.shape[: axis - 1]) == ahead:
                return cls(op.node, window._replace(axis=axis))
        return cls(op.node, window._replace(flat=before)) if len(op.shape) == 1 else None

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        if self.target in PERMUTATIONS:
            delta = delta.permute(permuted(self, delta.ndim))
        elif out.flat is None:
            size = list(self.shape)
            size[out.axis - 1] = have.width
            delta = delta.reshape(len(delta), *size)
        return fit(delta, have._replace(axis=out.axis), out.lo, out.hi)


@dataclass(frozen=True, eq=False)
class Split(Rule):
    """A reshape that splits the positions into stretches, each of which is a position from there on."""

    cuts = True
    any_dtype = True

    size: int
    """How many positions a stretch is."""

    @classmethod
    def on(cls, op: Operation, window: Window) -> Self | None:
        ahead, length = _place(op, window)
        for axis, n in enumerate(op.shape, 1):
            if math.prod(op.shape[: axis - 1]) == ahead and 1 < n < length and length % n == 0:
                size = length // n
                window = window._replace(axis=axis, lo=window.lo // size, hi=-(-window.hi // size))
                return cls(op.node, window, size)
        return None

    def need(self, source: Node, out: Window) -> tuple[int, int]:
        return out.lo * self.size, out.hi * self.size

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        shape = list(self.shape)
        shape[out.axis - 1] = out.width
        return fit(delta, have, *self.need(self.source, out)).reshape(len(delta), *shape)


@dataclass(frozen=True, eq=False)
class Merge(Rule):
    """A reshape that merges positions with dimensions behind theirs, so that each is a stretch from there on."""

    cuts = True
    any_dtype = True

    size: int
    """How many positions a stretch is."""

    @classmethod
    def on(cls, op: Operation, window: Window) -> Self | None:
        ahead, length = _place(op, window)
        for axis, n in enumerate(op.shape, 1):
            if math.prod(op.shape[: axis - 1]) == ahead and n > length and n % length == 0:
                size = n // length
                return cls(op.node, window._replace(axis=axis, lo=window.lo * size, hi=window.hi * size), size)
        return None

    def need(self, source: Node, out: Window) -> tuple[int, int]:
        return out.lo // self.size, -(-out.hi // self.size)

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        lo, hi = self.need(self.source, out)
        shape = list(self.shape)
        shape[out.axis - 1] = (hi - lo) * self.size
        delta = fit(delta, have, lo, hi).reshape(len(delta), *shape)
        return delta.narrow(out.axis, out.lo - lo * self.size, out.width)


class Repeat(Rule):
    """Copies side by side along other dimensions than the positions' and the batch's."""

    cuts = True
    any_dtype = True

    @classmethod
    def on(cls, op: Operation, window: Window) -> Self | None:
        before, at = shape_of(op.source), window.axis - 1
        return cls(op.node, window) if len(op.shape) == len(before) and op.shape[at] == before[at] else None

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        if self.target is aten.repeat.default:
            delta = delta.repeat(self.args["repeats"])
        else:
            size = list(self.shape)
            size[out.axis - 1] = have.width
            delta = delta.expand(len(delta), *size)
        return fit(delta, have, out.lo, out.hi)


def _place(op: Operation, window: Window) -> tuple[int, int]:
    """How many numbers the dimensions ahead of the positions of the input have, and how many positions there are."""
    before = shape_of(op.source)
    return math.prod(before[: window.axis - 1]), before[window.axis - 1]


def permuted(op: Operation, ndim: int) -> list[int]:
    """Which dimension a permutation puts at each place, found by moving dimensions of different sizes."""
    sizes = torch.empty([2 + i for i in range(ndim)], device="meta")
    return [size - 2 for size in op.target(sizes, *op.node.args[1:], **op.node.kwargs).shape]
