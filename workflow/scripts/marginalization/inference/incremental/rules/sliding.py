"""What operations with a kernel that moves along the positions have in common."""

from __future__ import annotations

from typing import Any

from torch.fx import Node

from .base import Inputs, Rule, single
from .windows import Window


class Sliding(Rule):
    """Operations with a kernel that moves along the positions: convolutions and pooling.

    Output o looks at the inputs `o * stride - padding + i * dilation` for i < kernel.
    """

    kernel: int
    stride = 1
    padding = 0
    dilation = 1

    def along(self, axis: int) -> bool:
        """Take the parameters of the axis of the positions; False when there is no kernel along it."""
        raise NotImplementedError

    def reach(self, inputs: Inputs) -> Window | None:
        found = single(inputs)
        if found is None or self.shape is None or found[0] is not self.source or not self.along(found[1].axis):
            return None
        window = found[1]
        span = (self.kernel - 1) * self.dilation
        lo = -(-(window.lo + self.padding - span) // self.stride)
        hi = (window.hi - 1 + self.padding) // self.stride + 1
        return window._replace(lo=lo, hi=max(lo, hi)).clip(0, self.shape[window.axis - 1])

    def need(self, source: Node, out: Window, inputs: Inputs) -> tuple[int, int]:
        lo = out.lo * self.stride - self.padding
        return lo, lo + (out.width - 1) * self.stride + (self.kernel - 1) * self.dilation + 1


def spatial(values: Any, ndim: int) -> list[Any]:
    """Parameters for each spatial dimension, from a list that may hold one for all, or none."""
    values = list(values) if isinstance(values, (list, tuple)) else [values]
    return values * (ndim - 2) if len(values) == 1 else values
