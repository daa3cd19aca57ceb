"""Operations that move values without changing them: reshapes, slices, flips, pads, concatenation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate
from typing import Self

import torch
from torch.fx import Node
from torch.nn import functional

from .base import Backgrounds, Deltas, Inputs, Operation, Rule, aten, in_rows, overloads, shape_of
from .windows import Window, add_into, fit

PERMUTATIONS = set(overloads("permute transpose.int swapaxes swapdims movedim.int movedim.intlist mT"))


class Reshape(Rule):
    """Operations that move or drop dimensions, and leave the positions in their order."""

    @classmethod
    def on(cls, op: Operation, window: Window) -> Self | None:
        before = shape_of(op.source)
        if op.target in PERMUTATIONS:
            order = _order(op, len(before) + 1)
            return cls(op.node, window._replace(axis=order.index(window.axis)))
        ahead, length = math.prod(before[: window.axis - 1]), before[window.axis - 1]
        for axis in range(1, len(op.shape) + 1):
            if op.shape[axis - 1] == length and math.prod(op.shape[: axis - 1]) == ahead:
                return cls(op.node, window._replace(axis=axis))
        return cls(op.node, window._replace(flat=before)) if len(op.shape) == 1 else None

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        if self.target in PERMUTATIONS:
            delta = delta.permute(_order(self, delta.ndim))
        elif out.flat is None:
            size = list(self.shape)
            size[out.axis - 1] = have.width
            delta = delta.reshape(len(delta), *size)
        return fit(delta, have._replace(axis=out.axis), out.lo, out.hi)


@dataclass(frozen=True, eq=False)
class Split(Rule):
    """A reshape that splits the positions into stretches, each of which is a position from there on."""

    size: int
    """How many positions a stretch is."""

    @classmethod
    def on(cls, op: Operation, window: Window) -> Self | None:
        before = shape_of(op.source)
        ahead, length = math.prod(before[: window.axis - 1]), before[window.axis - 1]
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

    size: int
    """How many positions a stretch is."""

    @classmethod
    def on(cls, op: Operation, window: Window) -> Self | None:
        before = shape_of(op.source)
        ahead, length = math.prod(before[: window.axis - 1]), before[window.axis - 1]
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


def _order(op: Operation, ndim: int) -> list[int]:
    """Which dimension a permutation puts at each place, found by moving dimensions of different sizes."""
    sizes = torch.empty([2 + i for i in range(ndim)], device="meta")
    return [size - 2 for size in op.target(sizes, *op.node.args[1:], **op.node.kwargs).shape]


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


class IndexSelect(Rule):
    """Some indices of a dimension that is neither the batch's nor the positions'."""

    @classmethod
    def on(cls, op: Operation, window: Window) -> Self | None:
        return None if op.args["dim"] % (len(op.shape) + 1) in (0, window.axis) else cls(op.node, window)

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        indices = run.constant(self.args["index"])
        return fit(delta.index_select(self.args["dim"], indices), have, out.lo, out.hi)


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
class Pad(Rule):
    """Constants added at the ends of dimensions, or, where negative, ends cropped."""

    shift: int
    """By how many positions."""
    others: list[int]
    """What is added along the other dimensions."""

    @classmethod
    def on(cls, op: Operation, window: Window) -> Self | None:
        last, pads = len(op.shape), list(op.args["pad"])
        left = {last - i: pads[2 * i] for i in range(len(pads) // 2)}
        if 0 in left or op.args.get("mode", "constant") != "constant":
            return None
        others = [0 if last - i // 2 == window.axis else pad for i, pad in enumerate(pads)]
        shift = left.get(window.axis, 0)
        window = window._replace(lo=window.lo + shift, hi=window.hi + shift).clip(0, op.shape[window.axis - 1])
        return cls(op.node, window, shift, others)

    def need(self, source: Node, out: Window) -> tuple[int, int]:
        return out.lo - self.shift, out.hi - self.shift

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        return functional.pad(fit(delta, have, *self.need(self.source, out)), self.others)


@dataclass(frozen=True, eq=False)
class Concatenation(Rule):
    """Tensors side by side, along the positions or another dimension than the batch's."""

    shares = False
    dim: int
    offsets: list[int]
    """Where each tensor begins along that dimension."""

    @classmethod
    def match(cls, op: Operation, inputs: Inputs) -> Self | None:
        tensors = op.args["tensors"]
        if not all(map(in_rows, [op.node, *tensors])) or any(w.flat for w in inputs.values()):
            return None
        dim = op.args["dim"] % (len(op.shape) + 1)
        axes = {window.axis for window in inputs.values()}
        if dim == 0 or len(axes) > 1:
            return None
        offsets = [0, *accumulate(shape_of(node)[dim - 1] for node in tensors[:-1])]
        moved = [
            window._replace(lo=window.lo + offset * (dim in axes), hi=window.hi + offset * (dim in axes))
            for node, offset in zip(tensors, offsets, strict=True)
            if (window := inputs.get(node)) is not None
        ]
        return cls(op.node, reduce(Window.hull, moved), dim, offsets)

    def need(self, source: Node, out: Window) -> tuple[int, int]:
        if out.axis != self.dim:
            return out.lo, out.hi
        needs = [offset for node, offset in zip(self.args["tensors"], self.offsets, strict=True) if node is source]
        return out.lo - max(needs), out.hi - min(needs)

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        (_, first), *_ = deltas.values()
        size = list(self.shape)
        size[out.axis - 1] = out.width
        total = first.new_zeros(len(first), *size)
        for node, offset in zip(self.args["tensors"], self.offsets, strict=True):
            if node not in deltas:
                continue
            have, delta = deltas[node]
            if self.dim == out.axis:
                add_into(total, out, delta, have._replace(lo=have.lo + offset, hi=have.hi + offset))
            else:
                add_into(total.narrow(self.dim, offset, shape_of(node)[self.dim - 1]), out, delta, have)
        return total


class Repeat(Rule):
    """Copies side by side along other dimensions than the positions' and the batch's."""

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
