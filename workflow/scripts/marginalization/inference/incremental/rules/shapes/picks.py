"""Positions picked out of others: slices, flips, rolls, copies of each, mirrored ends, lists of positions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Self

import torch
from torch.fx import Node

from ..base import Backgrounds, Deltas, Operation, Rule, overloads, shape_of
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


@dataclass(frozen=True, eq=False)
class Pick(Rule):
    """Operations of which each output position is that of one input position: upsampling, rolls, lists of positions."""

    shares = False
    picked: dict[int, torch.Tensor]
    """Along each dimension that is not as it was, which position each output position is of."""

    @classmethod
    def on(cls, op: Operation, window: Window) -> Self | None:
        known = op.node.meta
        if "picked" not in known:  # the same in all programs
            known["picked"] = _picked(op)
        picked = known["picked"]
        if picked is None or 0 in picked:
            return None
        if (index := picked.get(window.axis)) is not None:
            found = ((index >= window.lo) & (index < window.hi)).nonzero().flatten().tolist()
            window = window._replace(lo=found[0], hi=found[-1] + 1) if found else window.clip(0, 0)
        return cls(op.node, window, picked)

    def need(self, source: Node, out: Window) -> tuple[int, int]:
        if (index := self.picked.get(out.axis)) is None:
            return out.lo, out.hi
        some = index[out.lo : out.hi]
        return int(some.min()), int(some.max()) + 1

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        need = self.need(self.source, out)
        delta = fit(delta, have, *need)

        def index(dim: int) -> torch.Tensor:
            some = self.picked[dim]
            return (some[out.lo : out.hi] - need[0] if dim == out.axis else some).to(delta.device)

        for dim in self.picked:
            delta = delta.index_select(dim, run.once((self, dim, out), partial(index, dim)))
        return delta


UPSAMPLING = set(overloads("upsample_nearest1d.vec upsample_nearest2d.vec"))
UPSAMPLING |= set(overloads("_upsample_nearest_exact1d.vec _upsample_nearest_exact2d.vec"))


def _picked(op: Operation) -> dict[int, torch.Tensor] | None:
    """What an operation picks along each dimension, found with the numbers of the positions in place of values."""
    shape = (1, *shape_of(op.source))
    if op.target in UPSAMPLING:
        found = {}
        for dim in range(2, len(shape)):
            numbers = torch.arange(shape[dim], dtype=torch.float64)
            sizes = [n if i == dim else 1 for i, n in enumerate(shape)]
            upsampled = op.target(numbers.view(sizes), *op.node.args[1:], **op.node.kwargs)
            found[dim] = upsampled.movedim(dim, 0).flatten(1)[:, 0].long()
        return found
    return None
