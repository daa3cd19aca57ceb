"""Operations with a kernel that moves along the positions: what they have in common, and pooling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any, NamedTuple, Self

import torch
from torch.fx import Node
from torch.nn import functional

from .base import Backgrounds, Deltas, Inputs, Operation, Rule, Wholes, shape_of
from .windows import Window, add_into, by_position, fit, padded


class Kernel(NamedTuple):
    """How a kernel lies and moves: output o looks at the inputs `o * stride - padding + i * dilation` for i < size."""

    size: int
    stride: int
    padding: int
    dilation: int


@dataclass(frozen=True, eq=False)
class Sliding(Rule):
    """Operations with a kernel that moves along the positions: convolutions and pooling."""

    at: int
    """Which of the spatial dimensions is that of the positions."""
    kernels: tuple[Kernel, ...]
    """For each spatial dimension."""

    @classmethod
    def moves(cls, op: Operation) -> tuple[Sequence[int], ...] | None:
        """Sizes, strides, paddings and dilations of the kernel; None when it changes with the batch."""
        raise NotImplementedError

    @classmethod
    def on(cls, op: Operation, window: Window) -> Self | None:
        moves = cls.moves(op) if window.axis >= 2 else None
        if moves is None:
            return None
        kernels, at = tuple(map(Kernel, *moves)), window.axis - 2
        size, stride, padding, dilation = kernels[at]
        lo = -(-(window.lo + padding - (size - 1) * dilation) // stride)
        hi = (window.hi - 1 + padding) // stride + 1
        return cls(op.node, window._replace(lo=lo, hi=max(lo, hi)).clip(0, op.shape[window.axis - 1]), at, kernels)

    def need(self, source: Node, out: Window) -> tuple[int, int]:
        size, stride, padding, dilation = self.kernels[self.at]
        lo = out.lo * stride - padding
        return lo, lo + (out.width - 1) * stride + (size - 1) * dilation + 1

    @cached_property
    def along(self) -> tuple[tuple[int, ...], ...]:
        """Sizes, strides, paddings and dilations for a window with all that its outputs look at."""
        kernels = [k._replace(padding=0) if i == self.at else k for i, k in enumerate(self.kernels)]
        return tuple(zip(*kernels, strict=True))


def spatial(values: Any, ndim: int) -> list[Any]:
    """Parameters for each spatial dimension, from a list that may hold one for all, or none."""
    values = list(values) if isinstance(values, (list, tuple)) else [values]
    return values * (ndim - 2) if len(values) == 1 else values


class Pool(Sliding):
    """What pooling of either kind has: a kernel along the positions, and one across them."""

    shares = False

    @classmethod
    def moves(cls, op: Operation) -> tuple[Sequence[int], ...]:
        args = op.args
        values = args["kernel_size"], args["stride"] or args["kernel_size"], args["padding"], args.get("dilation", 1)
        return tuple(spatial(value, len(op.shape) + 1) for value in values)


class MaxPool(Pool):
    """Maximum over a moving kernel."""

    cuts = True

    def reads(self, inputs: Inputs, out: Window) -> list[tuple[Node, Window | None]]:
        return [(self.node, out), (self.source, self._looked_at(out))]

    def _looked_at(self, out: Window) -> Window:
        lo, hi = self.need(self.source, out)
        return out._replace(lo=lo, hi=hi).clip(0, shape_of(self.source)[out.axis - 1])

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        inside = self._looked_at(out)
        before = run.background(self.source, inside, delta)
        if (have.lo, have.hi) == (inside.lo, inside.hi):
            x = (delta.add_ if run.may_overwrite(self.source) else delta.add)(before)
        else:
            shape = [*delta.shape[: out.axis], inside.width, *delta.shape[out.axis + 1 :]]
            if by_position(delta):
                x = run.buffer("inside", delta, inside.width, *shape[:2], order=(1, 2, 0))
            else:
                x = run.buffer("inside", delta, *shape)
            x.copy_(before)
            add_into(x, inside, delta, have)
        y = self._pooled(x, inside, out)
        return y.sub_(run.background(self.node, out, y))

    def value(self, run: Backgrounds, parts: Deltas, wholes: Wholes, out: Window) -> torch.Tensor:
        (have, x), inside = parts[self.source], self._looked_at(out)
        return self._pooled(fit(x, have, inside.lo, inside.hi), inside, out)

    def _pooled(self, x: torch.Tensor, inside: Window, out: Window) -> torch.Tensor:
        lo, hi = self.need(self.source, out)
        if (lo, hi) != (inside.lo, inside.hi):
            x = padded(x, out.axis, inside.lo - lo, hi - inside.hi, -math.inf)
        if by_position(x):  # where the maxima of what lies side by side in memory are fast
            stride, dilation = self.kernels[self.at].stride, self.kernels[self.at].dilation
            last = (out.width - 1) * stride + 1
            y, *others = (x[:, :, i : i + last : stride] for i in range(0, hi - lo - last + 1, dilation))
            return reduce(torch.maximum, others, y) if others else y.clone()
        pool = functional.max_pool1d if x.ndim == 3 else functional.max_pool2d
        sizes, strides, paddings, dilations = self.along
        return pool(x, sizes, strides, paddings, dilations, self.args["ceil_mode"])


class AveragePool(Pool):
    """Mean over a moving kernel."""

    cuts = True

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        delta = fit(delta, have, *self.need(self.source, out))
        flat = delta.ndim == 3
        sizes, strides, paddings, _ = self.along
        sums = functional.avg_pool2d(
            delta.unsqueeze(2) if flat else delta,
            *((1,) * flat + sizes, (1,) * flat + strides, (0,) * flat + paddings),
            ceil_mode=self.args["ceil_mode"],
            divisor_override=1,
        )
        sums = sums.squeeze(2) if flat else sums
        if self.args.get("divisor_override"):
            return sums / self.args["divisor_override"]
        for i, n in enumerate(self.shape[1:]):
            outputs = range(out.lo, out.hi) if i == self.at else range(n)
            counts = sums.new_tensor([self._count(i, o) for o in outputs])
            sums = sums / counts.view(-1, *[1] * (len(self.shape) - 2 - i))
        return sums

    def _count(self, i: int, o: int) -> int:
        """How many positions along a dimension count for output o: padding where asked for, what lies beyond never."""
        length, kernel = shape_of(self.source)[1 + i], self.kernels[i]
        start = o * kernel.stride - kernel.padding
        end = min(start + kernel.size, length + kernel.padding)
        return end - start if self.args["count_include_pad"] else min(end, length) - max(start, 0)
