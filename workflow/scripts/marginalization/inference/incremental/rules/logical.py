"""Whole numbers, and what is true or false: masks, comparisons, tokens and their embeddings."""

from __future__ import annotations

from typing import Self

import torch
from torch.fx import Node

from .base import Backgrounds, Deltas, Inputs, Operation, Rule, in_rows, is_exact, overloads
from .positionwise import Positionwise
from .windows import Window, difference, fit, moved


class Logical(Positionwise):
    """Those of which some input or the output is a whole number, or true or false."""

    any_dtype = True

    def added(self, run: Backgrounds, deltas: Deltas, out: Window) -> dict[Node, torch.Tensor]:
        values = {}
        for node, (have, delta) in deltas.items():
            fitting = delta if run.comes_added(node) else fit(delta, have, out.lo, out.hi)
            before = None if run.comes_added(node) else self.base(run, node, out, fitting)
            values[node] = fitting if before is None else moved(before, fitting)
        return values

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        after = self._after(run, self.added(run, deltas, out), out)
        return difference(after, run.background(self.node, out, after))


SUMS = set(overloads("sum.dim_IntList mean.dim sub.Tensor rsub.Scalar avg_pool1d avg_pool2d"))


class Comparison(Logical):
    """Comparisons of numbers that differences give exactly, so that ties stay ties: whole ones, letters, and zero.

    Zero not of sums, whose parts, in another order, may cancel all but completely.
    """

    @classmethod
    def match(cls, op: Operation, inputs: Inputs) -> Self | None:
        with_zero = op.args["other"] in (0, False) and op.source.target not in SUMS
        return super().match(op, inputs) if with_zero or all(map(is_exact, inputs)) else None


class Embedding(Rule):
    """Rows of a table, by whole numbers at each position."""

    shares = False
    any_dtype = True

    @classmethod
    def match(cls, op: Operation, inputs: Inputs) -> Self | None:
        table, indices = op.args["weight"], op.args["indices"]
        known = list(inputs) == [indices] and not table.meta["of_batch"] and in_rows(op.node)
        return cls(op.node, inputs[indices]) if known and not inputs[indices].flat else None

    def reads(self, inputs: Inputs, out: Window) -> list[tuple[Node, Window | None]]:
        return [(self.node, out), (self.args["indices"], out)]

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        ((node, (have, delta)),) = deltas.items()
        indices = run.background(node, out) + fit(delta, have, out.lo, out.hi)
        return torch.embedding(run.constant(self.args["weight"]), indices) - run.background(self.node, out)
