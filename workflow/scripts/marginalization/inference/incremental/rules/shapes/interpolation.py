"""Positions between others: linear upsampling, of which each output is a mean of two neighbours by their distance."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Self

import torch
from torch.fx import Node

from ..base import Backgrounds, Deltas, Operation, Rule, overloads, shape_of
from ..windows import Window, fit

INTERPOLATIONS = set(overloads("upsample_linear1d.vec upsample_bilinear2d.vec"))


class Between(NamedTuple):
    """For each output along a dimension, of which input it is and the next, and how far towards that."""

    first: torch.Tensor
    further: torch.Tensor
    last: int
    """The last input, which has none next to it."""


@dataclass(frozen=True, eq=False)
class Interpolation(Rule):
    """Linear and bilinear upsampling."""

    cuts = True
    shares = False
    between: dict[int, Between]
    """Along each dimension."""

    @classmethod
    def on(cls, op: Operation, window: Window) -> Self | None:
        known = op.node.meta
        if "between" not in known:  # the same in all programs
            known["between"] = _between(op)
        between: dict[int, Between] = known["between"]
        if (along := between.get(window.axis)) is None:
            return cls(op.node, window, between)
        # A weight of zero, exactly at an input, makes the next one none of it.
        nexts = along.first + (along.further > 0)
        found = ((nexts >= window.lo) & (along.first < window.hi)).nonzero().flatten().tolist()
        window = window._replace(lo=found[0], hi=found[-1] + 1) if found else window.clip(0, 0)
        return cls(op.node, window, between)

    def need(self, source: Node, out: Window) -> tuple[int, int]:
        if (along := self.between.get(out.axis)) is None:
            return out.lo, out.hi
        return int(along.first[out.lo]), min(int(along.first[out.hi - 1]) + 1, along.last) + 1

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        lo, hi = self.need(self.source, out)
        delta = fit(delta, have, lo, hi)
        for dim, along in self.between.items():
            part, offset = (slice(out.lo, out.hi), lo) if dim == out.axis else (slice(None), 0)
            index = run.once((self, dim, out, "index"), partial(_index, along, part, offset, delta))
            further = run.once((self, dim, out, "further"), partial(_further, along, part, dim, delta))
            first, after = (
                delta.index_select(dim, index),
                delta.index_select(dim, (index + 1).clamp(max=delta.shape[dim] - 1)),
            )
            delta = torch.lerp(first, after, further)
        return delta


def _index(along: Between, part: slice, offset: int, like: torch.Tensor) -> torch.Tensor:
    return (along.first[part] - offset).to(like.device)


def _further(along: Between, part: slice, dim: int, like: torch.Tensor) -> torch.Tensor:
    return along.further[part].to(like).view(-1, *[1] * (like.ndim - 1 - dim))


def _between(op: Operation) -> dict[int, Between]:
    """Where the outputs lie, found by what the operation makes of the numbers of the positions."""
    found, shape = {}, (1, *shape_of(op.source))
    for dim in range(2, len(shape)):
        numbers = torch.arange(shape[dim], dtype=torch.float64)
        sizes = [n if i == dim else 1 for i, n in enumerate(shape)]
        places = op.target(numbers.view(sizes), *op.node.args[1:], **op.node.kwargs).movedim(dim, 0).flatten(1)[:, 0]
        near = places.round()
        places = torch.where((places - near).abs() < 1e-9 * shape[dim], near, places)
        first = places.floor().long()
        if not torch.equal(places, numbers):
            found[dim] = Between(first, places - first, shape[dim] - 1)
    return found
