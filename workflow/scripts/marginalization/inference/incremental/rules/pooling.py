"""Pooling: maxima and means over a kernel that moves along the positions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch.fx import Node
from torch.nn import functional

from .base import Backgrounds, Deltas, Inputs, Operation, Wholes, shape_of
from .sliding import Sliding, spatial
from .windows import Window, fit


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
        x = fit(delta, have, inside.lo, inside.hi)
        spare = x is not delta or run.may_overwrite(self.source)
        x = (x.add_ if spare else x.add)(run.background(self.source, inside))
        return self._pooled(x, inside, out).sub_(run.background(self.node, out))

    def value(self, run: Backgrounds, parts: Deltas, wholes: Wholes, out: Window) -> torch.Tensor:
        (have, x), inside = parts[self.source], self._looked_at(out)
        return self._pooled(fit(x, have, inside.lo, inside.hi), inside, out)

    def _pooled(self, x: torch.Tensor, inside: Window, out: Window) -> torch.Tensor:
        lo, hi = self.need(self.source, out)
        if (lo, hi) != (inside.lo, inside.hi):
            after = x.ndim - 1 - out.axis
            x = functional.pad(x, [0, 0] * after + [inside.lo - lo, hi - inside.hi], value=-math.inf)
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
