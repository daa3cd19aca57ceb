"""Runs of a program: the differences of some rows of substitutions, from the input's to the outputs'."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import torch
from torch.fx import Node

from .planner import Program, Step
from .rules.base import is_size
from .rules.windows import Window, by_position, fit, lay_out, moved, narrow


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

    def forget(self) -> None:
        """Drop what was made of backgrounds: there are others now, or other windows of them."""
        self.slices = {}

    def outputs(self, program: Program, delta: torch.Tensor, rows: slice) -> list[torch.Tensor]:
        """The outputs for substitutions.

        Args:
            program: for the window of the differences, or a wider one.
            delta: differences of the input where the program has it differ, shape (n_rows, letters, width).
            rows: the backgrounds: one for all rows, or one for each.
        """
        if program is not self.program or rows != self.rows:
            self.forget()
        self.program, self.rows, self.n_rows = program, rows, len(delta)
        env: dict[Node, Any] = {node: delta for node in program.windows if node.op == "placeholder"}
        for step in program.steps:
            env[step.node] = self._compute(step, program, env)
            for node in step.last_use_of:
                del env[node]
        return [self._whole(node, program, env) for node in self.leaves]

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
        return node in self.step.spare

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
        n = math.prod(shape)
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
        if step.rule is not None and step.parts is not None:
            parts = {n: (part, self._part(n, part, program, env)) for n, part in step.parts.items() if part is not None}
            wholes = {n: self._whole(n, program, env) for n, part in step.parts.items() if part is None}
            return step.rule.value(self, parts, wholes, step.out or step.rule.window)
        if step.rule is not None:
            deltas = {node: (window, env[node]) for node, window in step.inputs.items()}
            precise = step.rule.multiplies_values(deltas)
            with contextlib.nullcontext() if precise else products(self.precision):
                if step.out is None:
                    return step.rule.collapse(self, deltas)
                return step.rule.apply(self, deltas, step.out)
        args, kwargs = torch.fx.map_arg((step.node.args, step.node.kwargs), lambda n: self._whole(n, program, env))
        return step.function(*args, **kwargs)

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
        part = narrow(shaped, window)
        part.copy_(moved(part, env[node])) if whole.dtype == torch.bool else part.add_(env[node])
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
