"""Operations over many positions at once: dense layers, means, maxima, and pooling to a given length."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import torch
from torch.fx import Node
from torch.nn import functional

from .base import Backgrounds, Deltas, Inputs, Operation, Rule, Wholes, aten, is_exact, shape_of
from .windows import Window, difference, fit, moved, narrow


class AdaptiveAverage(Rule):
    """Means of a given number of stretches, which together make up the positions."""

    @classmethod
    def on(cls, op: Operation, window: Window) -> Self | None:
        if window.axis < 2:
            return None
        before, after = shape_of(op.source)[window.axis - 1], op.shape[window.axis - 1]
        return cls(op.node, window._replace(lo=window.lo * after // before, hi=-(-window.hi * after // before)))

    def need(self, source: Node, out: Window) -> tuple[int, int]:
        before, after = shape_of(self.source)[out.axis - 1], self.shape[out.axis - 1]
        return out.lo * before // after, -(-out.hi * before // after)

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        means = []
        for lo, hi in self._stretches(out):
            changed = narrow(delta, have.clip(lo, hi), have.lo)
            means.append(changed.sum(out.axis, keepdim=True) / (hi - lo))
        y = torch.cat(means, out.axis)
        size = list(self.shape[1:])
        size[out.axis - 2] = out.width
        return y if y.ndim == 3 else self.target(y, size)

    def _stretches(self, out: Window) -> list[tuple[int, int]]:
        return [self.need(self.source, out._replace(lo=o, hi=o + 1)) for o in range(out.lo, out.hi)]


def adaptive_max_pool1d(x: torch.Tensor, output_size: list[int]) -> torch.Tensor:
    """The maxima alone, without the indices that the operation gives too."""
    return aten.adaptive_max_pool1d(x, output_size)[0]


def adaptive_max_pool2d(x: torch.Tensor, output_size: list[int]) -> torch.Tensor:
    """The maxima alone, without the indices that the operation gives too."""
    return aten.adaptive_max_pool2d(x, output_size)[0]


ADAPTIVE_MAXIMA = {
    aten.adaptive_max_pool1d.default: adaptive_max_pool1d,
    aten.adaptive_max_pool2d.default: adaptive_max_pool2d,
}


class AdaptiveMaximum(AdaptiveAverage):
    """Maxima of a given number of stretches."""

    def reads(self, inputs: Inputs, out: Window) -> list[tuple[Node, Window | None]]:
        lo, hi = self.need(self.source, out)
        return [(self.node, out), (self.source, out._replace(lo=lo, hi=hi))]

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        first, last = self.need(self.source, out)
        x = fit(delta, have, first, last) + run.background(self.source, out._replace(lo=first, hi=last))
        size = list(self.shape[1:])
        size[out.axis - 2] = 1
        maxima = [self.target(x.narrow(out.axis, lo - first, hi - lo), size) for lo, hi in self._stretches(out)]
        return torch.cat(maxima, out.axis) - run.background(self.node, out)


@dataclass(frozen=True, eq=False)
class Linear(Rule):
    """A dense layer: over channels at each position, or over the positions, of whose weights only the changed count."""

    cuts = True
    flat = True
    shares = False
    collapses: bool

    @classmethod
    def on(cls, op: Operation, window: Window) -> Self:
        return cls(op.node, window, window.flat is not None or window.axis == len(shape_of(op.source)))

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        return functional.linear(fit(delta, have, out.lo, out.hi), run.constant(self.args["weight"]))

    def value(self, run: Backgrounds, parts: Deltas, wholes: Wholes, out: Window) -> torch.Tensor:
        y = super().value(run, parts, wholes, out)
        return y if self.args["bias"] is None else y + run.constant(self.args["bias"])

    def collapse(self, run: Backgrounds, deltas: Deltas) -> torch.Tensor:
        have, delta = deltas[self.source]
        weight = run.constant(self.args["weight"])
        shape = have.flat or (weight.shape[1],)
        columns = weight.view(-1, *shape).narrow(have.axis if have.flat else 1, have.lo, have.width)
        flat = delta.flatten(1) if have.flat else delta
        return run.background(self.node) + functional.linear(flat, columns.reshape(len(weight), -1))


@dataclass(frozen=True, eq=False)
class OverDimensions(Rule):
    """Operations over dimensions, the positions' among them or not."""

    cuts = True
    dims: list[int]
    collapses: bool

    @classmethod
    def on(cls, op: Operation, window: Window) -> Self | None:
        ndim = len(shape_of(op.source)) + 1
        given = op.args["dim"]
        dims = sorted(dim % ndim for dim in ([given] if isinstance(given, int) else given or range(ndim)))
        if 0 in dims or op.args.get("dtype") is not None:
            return None
        dropped = 0 if op.args["keepdim"] else sum(dim < window.axis for dim in dims)
        return cls(op.node, window._replace(axis=window.axis - dropped), dims, window.axis in dims)


class Reduction(OverDimensions):
    """Sum or mean."""

    @cached_property
    def count(self) -> int | None:
        """How many numbers a mean is of; None for a sum."""
        shape = shape_of(self.source)
        return math.prod(shape[dim - 1] for dim in self.dims) if self.target is aten.mean.dim else None

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        return fit(self._reduce(delta), have._replace(axis=out.axis), out.lo, out.hi)

    def collapse(self, run: Backgrounds, deltas: Deltas) -> torch.Tensor:
        return run.background(self.node) + self._reduce(deltas[self.source][1])

    def _reduce(self, delta: torch.Tensor) -> torch.Tensor:
        total = delta.sum(self.dims, keepdim=self.args["keepdim"])
        return total if self.count is None else total / self.count


class Recomputed(OverDimensions):
    """Those that are no sums, over other dimensions than the positions'."""

    any_dtype = True
    over_positions = False
    """Whether the positions may be among the dimensions."""

    @classmethod
    def on(cls, op: Operation, window: Window) -> Self | None:
        rule = super().on(op, window)
        return None if rule is None or (rule.collapses and not cls.over_positions) else rule

    def _of_source(self, out: Window) -> Window:
        kept = [dim for dim in range(len(shape_of(self.source)) + 1) if self.args["keepdim"] or dim not in self.dims]
        return out._replace(axis=kept[out.axis])

    def reads(self, inputs: Inputs, out: Window) -> list[tuple[Node, Window | None]]:
        return [(self.node, out), (self.source, self._of_source(out))]

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        x = moved(run.background(self.source, self._of_source(out)), fit(delta, have, out.lo, out.hi))
        after = self.target(x, *self.node.args[1:], **self.node.kwargs)
        return difference(after, run.background(self.node, out))

    def value(self, run: Backgrounds, parts: Deltas, wholes: Wholes, out: Window) -> torch.Tensor:
        have, x = parts[self.source]
        y: torch.Tensor = self.target(fit(x, have, out.lo, out.hi), *self.node.args[1:], **self.node.kwargs)
        return y


class Place(Recomputed):
    """Where something is, or whether: of numbers that differences give exactly, so that ties stay ties."""

    @classmethod
    def on(cls, op: Operation, window: Window) -> Self | None:
        return super().on(op, window) if is_exact(op.source) else None


TOGETHER: dict[Any, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    aten.amax.default: torch.maximum,
    aten.amin.default: torch.minimum,
    aten.logsumexp.default: torch.logaddexp,
}
"""What makes one of two parts' reductions."""


class Extreme(Recomputed):
    """Maximum, minimum, or the smooth maximum; over the positions, of the changed ones and the background's others."""

    any_dtype = False
    over_positions = True

    @property
    def read_whole(self) -> Node:
        return self.source

    def collapse(self, run: Backgrounds, deltas: Deltas) -> torch.Tensor:
        have, delta = deltas[self.source]
        before, keep = run.background(self.source), self.args["keepdim"]
        further = TOGETHER[self.target]
        extreme = self.target(delta + narrow(before, have), self.dims, keep)
        for lo, hi in ((0, have.lo), (have.hi, before.shape[have.axis])):
            if lo < hi:
                others = self.target(before.narrow(have.axis, lo, hi - lo), self.dims, keep)
                extreme = further(extreme, others)
        return extreme
