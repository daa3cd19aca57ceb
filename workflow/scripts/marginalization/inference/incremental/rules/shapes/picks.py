"""Positions picked out of others: slices, flips, rolls, copies of each, mirrored ends, lists of positions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch.fx import Node

from ..base import Backgrounds, Deltas, Operation, Rule, shape_of
from ..windows import Window, fit


@dataclass(frozen=True, eq=False)
class Slice(Rule):
    """A slice along the positions, or along other dimensions than the batch's."""

    dim: int
    start: int = 0
    step: int = 1

    @classmethod
    def on(cls, op: Operation, window: Window) -> Self | None:
        shape, step = shape_of(op.source), op.args["step"]
        dim = op.args["dim"] % (len(shape) + 1)
        if dim == 0 and (op.args["start"] not in (None, 0) or op.args["end"] not in (None, 2**63 - 1) or step != 1):
            return None
        if dim != window.axis:
            return cls(op.node, window, dim)
        start, *_ = slice(op.args["start"], op.args["end"]).indices(shape[dim - 1])
        lo = -(-(window.lo - start) // step)
        hi = (window.hi - 1 - start) // step + 1
        return cls(op.node, window._replace(lo=lo, hi=max(lo, hi)).clip(0, op.shape[dim - 1]), dim, start, step)

    def need(self, source: Node, out: Window) -> tuple[int, int]:
        if self.dim != out.axis:
            return out.lo, out.hi
        return self.start + out.lo * self.step, self.start + (out.hi - 1) * self.step + 1

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        delta = fit(delta, have, *self.need(self.source, out))
        if self.dim == out.axis:
            return delta[(slice(None),) * self.dim + (slice(None, None, self.step),)]
        return delta if self.dim == 0 else self.target(delta, *self.node.args[1:], **self.node.kwargs)


class Select(Rule):
    """One index of a dimension that is neither the batch's nor the positions'."""

    @classmethod
    def on(cls, op: Operation, window: Window) -> Self | None:
        dim = op.args["dim"] % (len(shape_of(op.source)) + 1)
        if dim in (0, window.axis):
            return None
        return cls(op.node, window._replace(axis=window.axis - (dim < window.axis)))

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        return fit(delta.select(self.args["dim"], self.args["index"]), have._replace(axis=out.axis), out.lo, out.hi)


@dataclass(frozen=True, eq=False)
class Flip(Rule):
    """Dimensions turned round, the positions' among them or not."""

    dims: list[int]

    @classmethod
    def on(cls, op: Operation, window: Window) -> Self | None:
        dims = [dim % (len(op.shape) + 1) for dim in op.args["dims"]]
        return None if 0 in dims else cls(op.node, _mirrored(op, dims, window), dims)

    def need(self, source: Node, out: Window) -> tuple[int, int]:
        mirrored = _mirrored(self, self.dims, out)
        return mirrored.lo, mirrored.hi

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        return fit(delta.flip(self.dims), _mirrored(self, self.dims, have), out.lo, out.hi)


def _mirrored(op: Operation, dims: list[int], window: Window) -> Window:
    """A window of the input when dimensions are turned round, or the other way."""
    if window.axis not in dims:
        return window
    length = shape_of(op.source)[window.axis - 1]
    return window._replace(lo=length - window.hi, hi=length - window.lo)
