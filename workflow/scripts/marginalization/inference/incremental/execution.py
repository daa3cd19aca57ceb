"""Runs of a program: the differences of some rows of substitutions, from the input's to the outputs'."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch.fx import Node

from .gaps.beside import Sides, address, addresses, beside, cut_out, needed, put_together
from .gaps.cores import Core
from .gaps.reached import sides
from .planner import Program, Step
from .rules.base import Deltas, Rule, is_size, shape_of, size_for
from .rules.products import products
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
        self.env: dict[Node, Any] = {}
        self.slices: dict[Any, torch.Tensor] = {}
        self.program: Program | None = None
        self.rows = slice(0, 1)
        self.n_rows = 1
        self.step: Step
        self.delta: torch.Tensor
        self.side = 0
        self.core: Core | None = None
        self.copies: set[tuple[Node, int]] = set()
        self.together: dict[Node, torch.Tensor] = {}

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

    def core_of(self, program: Program, delta: torch.Tensor, rows: slice) -> Core:
        """What elements alone decide, for a program with gaps of letters; the rest as for `outputs`."""
        if program.cores is None:
            raise ValueError("this program has no cores")
        of_cores, parts = program.cores
        made = self.program, self.rows, self.slices  # which the program itself goes on with
        env = self._computed(of_cores, delta, rows)
        core = Core({}, {})
        for node, windows in parts.items():
            core.values[node] = [(part, self._part(node, part, of_cores, env)) for part in windows]
        for step in program.steps:
            for self.side, halo in enumerate(step.halos or ()):
                if halo is not None and step.rule is not None:
                    facing = {n: (part, core.value(n, part)) for n, part in halo.inputs.items()}
                    core.terms[step.node, self.side] = self._term(step, step.rule, facing, halo.out)
        self.side = 0
        self.program, self.rows, self.slices = made
        return core

    def _computed(self, program: Program, delta: torch.Tensor, rows: slice) -> dict[Node, Any]:
        """What is left of a program's values and differences at its end."""
        if program is not self.program or rows != self.rows:
            self.forget()
        self.program, self.rows, self.n_rows, self.delta = program, rows, len(delta), delta
        self.together.clear()
        env = self.env = {node: delta for node in program.windows if node.op == "placeholder"}
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

        The shape is that in memory; with an `order`, its dimensions are given in that order. For the step's "output",
        of as few as may be, which stay in the cache, the first where nothing lies that is still needed.
        """
        n, purpose = math.prod(shape), (purpose, self.side)
        if purpose[0] == "output":
            used = addresses(self.env.values())
            own = (("output", i, self.side) for i in itertools.count())
            purpose = next(key for key in own if key not in self.buffers or address(self.buffers[key]) not in used)
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
        step, facing, found = self.step, list[Deltas](), Sides()
        for self.side, part in enumerate(parts):
            facing.append({})
            for n, window in step.inputs.items():
                need = needed(rule.need(n, part), window)
                if step.halos is not None and not isinstance(env[n], torch.Tensor):
                    need = beside(need, env[n])
                    facing[-1][n] = need, self._between(n, need, program, env, known=False)
                else:
                    facing[-1][n] = need, self._between(n, need, program, env)
        for self.side, (part, deltas) in enumerate(zip(parts, facing, strict=True)):
            if deltas:
                found.append((part, rule.apply(self, deltas, part)))
                self._add_terms(rule, *found[-1])
        self.side = 0
        return found

    def _add_terms(self, rule: Rule, part: Window, delta: torch.Tensor) -> None:
        """Add what a linear rule makes on a side of a gap of the inputs' cores, less the backgrounds there."""
        halo = None if self.core is None or self.step.halos is None else self.step.halos[self.side]
        if self.core is not None and halo is not None:
            facing = {n: (held, self.background(n, held, delta)) for n, held in halo.inputs.items()}
            before = self.once((rule, "term", part), lambda: self._term(self.step, rule, facing, halo.out))
            narrow(delta, halo.out, part.lo).add_(self.core.terms[rule.node, self.side]).sub_(before)

    def _term(self, step: Step, rule: Rule, values: Deltas, out: Window) -> torch.Tensor:
        """What a linear rule makes of values, as precisely as full passes do."""
        side, copies = self.side, self.copies
        self.step, self.side, self.copies = step._replace(onto=None, spare=frozenset(), added=frozenset()), 2, set()
        with products("highest"):
            term = rule.apply(self, values, out).clone()  # out of the run's memory
        self.step, self.side, self.copies = step, side, copies
        return term

    def _between(
        self, node: Node, part: Window, program: Program, env: dict[Node, Any], known: bool = True
    ) -> torch.Tensor:
        """A node's difference on a part of its window; without what is `known` in its gap it is zero there."""
        value, window = env[node], program.windows[node]
        if known and node in self.together:
            value = self.together[node]
        if isinstance(value, torch.Tensor):
            return value if window == part else narrow(value, part, window.lo)
        if (found := cut_out(value, part)) is not None:
            return found

        def fill(target: torch.Tensor, held: Window) -> None:
            if self.core is None or not known:
                target.zero_()
            else:
                less = torch.bitwise_xor if target.dtype == torch.bool else torch.sub
                less(self.core.value(node, held), self.background(node, held, target), out=target)

        total = self._memory(node, part, value)
        put_together(total, part, value, program.gaps[node], fill)
        if window == part and known:
            self.together[node] = total  # for others that take all
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

    def _whole(self, node: Node, program: Program, env: dict[Node, Any]) -> Any:
        """The whole value of a node for the rows of this run."""
        window = program.windows.get(node)
        if node in env and window is None:
            return env[node]  # of which no part is whole: what takes it so keeps it from being cut
        if not node.meta["of_batch"]:
            return self.constant(node)
        if is_size(node):
            return size_for(node, self.n_rows)
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
