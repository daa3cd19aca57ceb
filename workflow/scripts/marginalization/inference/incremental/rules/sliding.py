"""What operations with a kernel that moves along the positions have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Self

from torch.fx import Node

from .base import Operation, Rule
from .windows import Window


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
