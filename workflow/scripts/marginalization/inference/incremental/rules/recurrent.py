"""What reads positions one after another: what differs at one differs from there on, and not before."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, Self

import torch
from torch.fx import Node

from .base import Backgrounds, Deltas, Inputs, Operation, Rule, aten
from .windows import Window, fit, narrow

State = tuple[torch.Tensor, ...]
"""What a layer keeps of the positions that it has read: one or two tensors (1, rows, hidden)."""

CELLS: dict[Any, Callable[..., Any]] = {
    aten.lstm.input: torch.lstm,
    aten.gru.input: torch.gru,
    aten.rnn_tanh.input: torch.rnn_tanh,
    aten.rnn_relu.input: torch.rnn_relu,
}
"""PyTorch's recurrent layers, by operation."""


def recurrent(input: torch.Tensor, params: Sequence[torch.Tensor], cell: Any) -> torch.Tensor:
    """What a layer of one direction gives, (rows, positions, hidden), for (rows, positions, channels).

    Args:
        input: what it reads, from the first position on.
        params: its weights for the input, (gates x hidden, channels), and for its state, and two biases or none.
        cell: the operation of PyTorch, one of `CELLS`, which has several layers, directions and outputs.
    """
    return _read(input, params, cell, None)[0]


def _read(
    x: torch.Tensor, params: Sequence[torch.Tensor], cell: Any, state: State | None
) -> tuple[torch.Tensor, State]:
    """What a layer gives, and its state after that; it begins with another, or at zero."""
    two = cell is aten.lstm.input
    if state is None:
        state = (x.new_zeros(1, len(x), params[1].shape[1]),) * (2 if two else 1)
    given = state if two else state[0]
    y, *after = CELLS[cell](x, given, params, len(params) == 4, 1, 0.0, False, False, True)
    return y, tuple(after)


class Recurrent(Rule):
    """A recurrent layer: from the first position that differs on, from the state of the backgrounds before it."""

    shares = False

    @classmethod
    def on(cls, op: Operation, window: Window) -> Self | None:
        return cls(op.node, window._replace(hi=op.shape[0])) if window.axis == 1 else None

    def need(self, source: Node, out: Window) -> tuple[int, int]:
        return 0, out.hi

    def reads(self, inputs: Inputs, out: Window) -> list[tuple[Node, Window | None]]:
        return [(self.node, out), (self.source, out._replace(lo=0))]

    def multiplies_values(self, inputs: Collection[Node]) -> bool:
        return True

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        params, cell = [run.constant(node) for node in self.args["params"]], self.args["cell"]

        def before() -> torch.Tensor:
            _, state = _read(run.background(self.source, have._replace(lo=0, hi=have.lo)), params, cell, None)
            return torch.stack(state)

        state = None
        if have.lo > 0:
            kept = run.once((self, "state", have.lo), before)
            state = tuple(part.expand(-1, len(delta), -1).contiguous() for part in kept)
        x = run.background(self.source, have._replace(hi=out.hi)) + fit(delta, have, have.lo, out.hi)
        y, _ = _read(x, params, cell, state)
        first = max(out.lo, have.lo)
        y = y[:, first - have.lo :] - run.background(self.node, out._replace(lo=first))
        return fit(y, out._replace(lo=first), out.lo, out.hi)


class Cumulative(Rule):
    """Sums of all positions up to each: differences add up, and what they came to stays so."""

    shares = False

    @classmethod
    def on(cls, op: Operation, window: Window) -> Self | None:
        if op.args["dim"] % (len(op.shape) + 1) != window.axis or op.args["dtype"] is not None:
            return None
        return cls(op.node, window._replace(hi=op.shape[window.axis - 1]))

    def need(self, source: Node, out: Window) -> tuple[int, int]:
        return 0, out.hi

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        sums = narrow(delta, have.clip(0, out.hi), have.lo).cumsum(have.axis)
        if have.hi < out.hi:
            last = sums.narrow(have.axis, -1, 1)
            size = [*last.shape[: have.axis], out.hi - have.hi, *last.shape[have.axis + 1 :]]
            sums = torch.cat([sums, last.expand(size)], have.axis)
        return fit(sums, have._replace(hi=out.hi), out.lo, out.hi)
