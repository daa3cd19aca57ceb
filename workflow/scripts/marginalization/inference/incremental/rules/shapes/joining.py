"""Tensors side by side, and constants beside them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from itertools import accumulate
from typing import Self

import torch
from torch.fx import Node
from torch.nn import functional

from ..base import Backgrounds, Deltas, Inputs, Operation, Rule, in_rows, shape_of
from ..windows import Window, add_into, fit


@dataclass(frozen=True, eq=False)
class Pad(Rule):
    """Constants added at the ends of dimensions, or, where negative, ends cropped."""

    cuts = True
    any_dtype = True
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

    @classmethod
    def cut(cls, op: Operation, axis: int) -> tuple[Self, Inputs] | None:
        zeros = not op.args.get("value")  # which an activation has where nothing is added
        return super().cut(op, axis) if zeros else None

    def need(self, source: Node, out: Window) -> tuple[int, int]:
        return out.lo - self.shift, out.hi - self.shift

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        return functional.pad(fit(delta, have, *self.need(self.source, out)), self.others)


@dataclass(frozen=True, eq=False)
class Concatenation(Rule):
    """Tensors side by side, along the positions or another dimension than the batch's."""

    cuts = True
    any_dtype = True
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

    @classmethod
    def cut(cls, op: Operation, axis: int) -> tuple[Self, Inputs] | None:
        tensors = op.args["tensors"]
        if not all(map(in_rows, tensors)):
            return None
        inputs = {node: Window(axis, 0, shape_of(node)[axis - 1]) for node in tensors}
        rule = cls.match(op, inputs)
        return None if rule is None else (rule, inputs)

    def need(self, source: Node, out: Window) -> tuple[int, int]:
        if out.axis != self.dim:
            return out.lo, out.hi
        needs = [offset for node, offset in zip(self.args["tensors"], self.offsets, strict=True) if node is source]
        return out.lo - max(needs), out.hi - min(needs)

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        (_, first), *_ = deltas.values()
        size = list(self.shape)
        size[out.axis - 1] = out.width
        total = first.new_zeros(len(first), *size, dtype=self.node.meta["val"].dtype)
        for node, offset in zip(self.args["tensors"], self.offsets, strict=True):
            if node not in deltas:
                continue
            have, delta = deltas[node]
            if self.dim == out.axis:
                add_into(total, out, delta, have._replace(lo=have.lo + offset, hi=have.hi + offset))
            else:
                add_into(total.narrow(self.dim, offset, shape_of(node)[self.dim - 1]), out, delta, have)
        return total
