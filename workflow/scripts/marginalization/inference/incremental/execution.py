"""Runs of a program: the differences of some rows of substitutions, from the input's to the outputs'."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import torch
from torch.fx import Node

from .gaps.cores import Core, value_on
from .gaps.reached import sides
from .planner import Program, Step
from .rules.base import Deltas, Rule, is_size, shape_of
from .rules.windows import Window, by_position, difference, fit, lay_out, moved, narrow

Sides = list[tuple[Window, torch.Tensor]]
"""Differences on either side of a gap."""


class Engine(Protocol):
    """What a run asks for: the model's nodes and weights, and what is kept of the backgrounds."""

    outputs: list[Node]
    precision: str
    values: dict[Node, Any]
    made: dict[Node, torch.Tensor]
    cache: dict[Node, tuple[torch.Tensor, Window | None]]


class Run:
    """What is at hand while a program runs: the rows' backgrounds, the step, and the memory to work in.

    All that it holds is of bounded size: a buffer for each purpose, and slices for one program and its rows alone.

    Args:
        engine: the model, and the backgrounds that are prepared. It holds the run, so the run does not hold it: a
            circle would keep the backgrounds in memory until Python looks for circles.
    """

    def __init__(self, engine: Engine):
        self.leaves, self.precision = engine.outputs, engine.precision
        self.values, self.made, self.cache = engine.values, engine.made, engine.cache
        self.buffers: dict[Any, torch.Tensor] = {}
        self.slices: dict[Any, torch.Tensor] = {}
        self.program: Program | None = None
        self.rows = slice(0, 1)
        self.n_rows = 1
        self.step: Step
        self.delta: torch.Tensor
        self.side = 0
        self.core: Core | None = None
        self.copies: set[tuple[Node, int]] = set()

    def forget(self) -> None:
        """Drop what was made of backgrounds: there are others now, or other windows of them."""
        self.slices = {}

    def outputs(
        self, program: Program, delta: torch.Tensor, rows: slice, core: Core | None = None
    ) -> list[torch.Tensor]:
        """The outputs for substitutions.

        Args:
            program: for the window of the differences, or a wider one.
            delta: differences of the input where the program has it differ, shape (n_rows, letters, width).
            rows: the backgrounds: one for all rows, or one for each.
            core: what the elements alone decide; None where nothing differs in gaps.
        """
        self.core = core
        env = self._computed(program, delta, rows)
        return [self._whole(node, program, env) for node in self.leaves]

    def cores(self, program: Program, delta: torch.Tensor, rows: slice, parts: dict[Node, list[Window]]) -> Core:
        """The values of elements on parts of gaps; a program that computes these, and the rest as for `outputs`."""
        env = self._computed(program, delta, rows)
        return {
            node: [(part, self._part(node, part, program, env)) for part in windows] for node, windows in parts.items()
        }

    def _computed(self, program: Program, delta: torch.Tensor, rows: slice) -> dict[Node, Any]:
        """What is left of a program's values and differences at its end."""
        if program is not self.program or rows != self.rows:
            self.forget()
        self.program, self.rows, self.n_rows, self.delta = program, rows, len(delta), delta
        env: dict[Node, Any] = {node: delta for node in program.windows if node.op == "placeholder"}
        for step in program.steps:
            env[step.node] = self._compute(step, program, env)
            for node in step.last_use_of:
                del env[node]
        return env

    # What the rules ask for.

    def background(self, node: Node, window: Window | None = None, like: torch.Tensor | None = None) -> torch.Tensor:
        """An activation of the backgrounds of this run, 1 row or as many as differences; in memory as `like` is."""

        def make() -> torch.Tensor:
            value, kept = self.cache[node]
            if like is not None and by_position(like) and not by_position(value):
                self.cache[node] = (value := lay_out(value), kept)  # for all windows to come
            value = value[self.rows]
            return value if window is None else narrow(value, window, kept.lo if kept else 0)

        return self.once((node, window), make)

    def may_overwrite(self, node: Node) -> bool:
        """Whether the step at hand may write its output over this input."""
        return node in self.step.spare or (node, self.side) in self.copies

    def comes_added(self, node: Node) -> bool:
        """Whether an input of the step at hand comes added to the base that its rule wants."""
        return node in self.step.added

    def base(self, out: Window, like: torch.Tensor) -> torch.Tensor | None:
        """What the step at hand is to add its output's difference to, if anything; in memory as `like` is."""
        return None if self.step.onto is None else self.step.onto.base(self, self.step.node, out, like)

    def once(self, key: Any, make: Callable[[], torch.Tensor]) -> torch.Tensor:
        """Something made of these backgrounds' activations, once for a program and its rows."""
        if key not in self.slices:
            self.slices[key] = make()
        return self.slices[key]

    def buffer(
        self, purpose: Any, like: torch.Tensor, *shape: int, order: tuple[int, ...] | None = None
    ) -> torch.Tensor:
        """Memory for a purpose, the same each time: fresh memory would cost more than what is written to it.

        The shape is that in memory; with an `order`, its dimensions are given in that order.
        """
        n, purpose = math.prod(shape), (purpose, self.side)
        held = self.buffers.get(purpose)
        if held is None or held.numel() < n or held.dtype != like.dtype:
            held = self.buffers[purpose] = like.new_empty(n)
        view = held[:n].view(shape)
        return view if order is None else view.permute(order)

    def constant(self, node: Node, window: Window | None = None) -> Any:
        """A weight, or what is computed from weights alone."""
        value = self.values[node]
        return value if window is None else narrow(value, window)

    def derived(self, node: Node, make: Callable[[], torch.Tensor]) -> torch.Tensor:
        """Something made of a node's weights, once."""
        if node not in self.made:
            self.made[node] = make()
        return self.made[node]

    # The steps.

    def _compute(self, step: Step, program: Program, env: dict[Node, Any]) -> Any:
        self.step = step
        self.copies.clear()
        if step.rule is not None and step.parts is not None:
            parts = {n: (part, self._part(n, part, program, env)) for n, part in step.parts.items() if part is not None}
            wholes = {n: self._whole(n, program, env) for n, part in step.parts.items() if part is None}
            return step.rule.value(self, parts, wholes, step.out or step.rule.window)
        if step.rule is not None:
            precise = step.rule.multiplies_values(step.inputs)
            with contextlib.nullcontext() if precise else products(self.precision):
                if step.gap is not None and step.out is not None:
                    return self._sides(step.rule, sides(step.out, step.gap), program, env)
                deltas = {n: (window, self._between(n, window, program, env)) for n, window in step.inputs.items()}
                if step.out is None:
                    return step.rule.collapse(self, deltas)
                return step.rule.apply(self, deltas, step.out)
        args, kwargs = torch.fx.map_arg((step.node.args, step.node.kwargs), lambda n: self._whole(n, program, env))
        return step.function(*args, **kwargs)

    def _sides(self, rule: Rule, parts: list[Window], program: Program, env: dict[Node, Any]) -> Sides:
        """The differences on either side of a step's gap: a rule computes them one after the other."""
        facing: list[Deltas] = []
        for self.side, part in enumerate(parts):
            needs = {n: self._needed(rule.need(n, part), window) for n, window in self.step.inputs.items()}
            facing.append({n: (need, self._between(n, need, program, env)) for n, need in needs.items()})
        found: Sides = []
        for self.side, (part, deltas) in enumerate(zip(parts, facing, strict=True)):
            if deltas:
                found.append((part, rule.apply(self, deltas, part)))
        self.side = 0
        return found

    @staticmethod
    def _needed(need: tuple[int, int], window: Window) -> Window:
        """The part of a window that is needed, of one position at least."""
        lo = min(max(need[0], window.lo), window.hi - 1)
        return window._replace(lo=lo, hi=max(lo + 1, min(need[1], window.hi)))

    def _between(self, node: Node, part: Window, program: Program, env: dict[Node, Any]) -> torch.Tensor:
        """A node's difference on a part of its window, put together of its sides and what is known in its gap."""
        value, window = env[node], program.windows[node]
        if isinstance(value, torch.Tensor):
            return value if window == part else narrow(value, part, window.lo)
        for side, x in value:
            if side.lo <= part.lo and part.hi <= side.hi:
                return x if side == part else narrow(x, part, side.lo)
        total = self._memory(node, part, value)
        pieces = [*value, (program.gaps[node], None)]
        if sum(piece.clip(part.lo, part.hi).width for piece, _ in pieces) < part.width:
            total.zero_()
        for piece, x in pieces:
            some = piece.clip(part.lo, part.hi)
            if some.width > 0:
                target = narrow(total, some, part.lo)
                self._fill(target, node, some) if x is None else target.copy_(narrow(x, some, piece.lo))
        if window == part:
            env[node] = total  # for others that take all
        else:
            self.copies.add((node, self.side))
        return total

    def _memory(self, node: Node, part: Window, value: Sides) -> torch.Tensor:
        """Memory for a node's difference on a part, which lies in it as the differences beside a gap do."""
        like = value[0][1] if value else self.delta.new_empty(0, dtype=node.meta["val"].dtype)
        shape = [self.n_rows, *shape_of(node)]
        shape[part.axis] = part.width
        if by_position(like):
            return self.buffer((self.step.node, node), like, shape[2], *shape[:2], order=(1, 2, 0))
        return self.buffer((self.step.node, node), like, *shape)

    def _fill(self, target: torch.Tensor, node: Node, part: Window) -> None:
        """Write what is known of a difference in a gap."""
        if self.core is None:
            target.zero_()
            return
        value, before = value_on(self.core, node, part), self.background(node, part, target)
        if target.is_floating_point():
            torch.sub(value, before, out=target)
        else:
            target.copy_(difference(value, before))

    def _size(self, node: Node) -> int | float:
        """A size, or what is computed of sizes, for the rows of this run."""
        value = node.meta["val"]
        if not isinstance(value, (torch.SymInt, torch.SymFloat)):
            return value
        expression = value.node.expr
        expression = expression.subs(dict.fromkeys(expression.free_symbols, self.n_rows))
        return int(expression) if isinstance(value, torch.SymInt) else float(expression)

    def _whole(self, node: Node, program: Program, env: dict[Node, Any]) -> Any:
        """The whole value of a node for the rows of this run."""
        window = program.windows.get(node)
        if node in env and window is None:
            return env[node]  # of which no part is whole: what takes it so keeps it from being cut
        if not node.meta["of_batch"]:
            return self.constant(node)
        if is_size(node):
            return self._size(node)
        before = self.background(node)
        before = before.expand(self.n_rows, *before.shape[1:])
        if window is None or node not in env:
            return before
        whole = before.clone(memory_format=torch.contiguous_format)
        shaped = whole if window.flat is None else whole.view(self.n_rows, *window.flat)
        part, delta = narrow(shaped, window), self._between(node, window, program, env)
        part.copy_(moved(part, delta)) if whole.dtype == torch.bool else part.add_(delta)
        return whole

    def _part(self, node: Node, part: Window, program: Program, env: dict[Node, Any]) -> torch.Tensor:
        """The values of a node on a part, for the rows of this run."""
        window, value = program.windows.get(node), env.get(node)
        if value is not None and window is None:
            held = program.cuts.get(node)
            return narrow(value, part, held.lo if held else 0)
        before = self.background(node, part)
        before = before.expand(self.n_rows, *before.shape[1:])
        if window is None or value is None:
            return before
        value = self._between(node, window, program, env)
        if window.axis == part.axis:
            return moved(before, fit(value, window, part.lo, part.hi))
        after = before.clone(memory_format=torch.contiguous_format)
        narrow(after, window).copy_(moved(narrow(before, window), narrow(value, part)))
        return after


@contextlib.contextmanager
def products(precision: str) -> Iterator[None]:
    """Matrix products in float32 of a precision, as `torch.set_float32_matmul_precision` has it."""
    before = torch.get_float32_matmul_precision()
    if before == precision:
        yield
        return
    torch.set_float32_matmul_precision(precision)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
