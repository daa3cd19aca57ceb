"""Operations that act on each position by itself: activations, sums, gates, normalization over channels."""

from __future__ import annotations

from typing import Any, Self

import torch
from torch.fx import Node

from .base import (
    Backgrounds,
    Deltas,
    Inputs,
    Operation,
    Rule,
    Wholes,
    aten,
    in_rows,
    is_float,
    shape_of,
)
from .windows import Window, add_into, fit


class Positionwise(Rule):
    """Operations that act on each position by itself: activations, gates, normalization over channels."""

    cuts = True
    shares = False
    has_base = True

    @classmethod
    def match(cls, op: Operation, inputs: Inputs) -> Self | None:
        return cls._facing_each_other(op, inputs)

    @classmethod
    def _facing_each_other(cls, op: Operation, inputs: Inputs) -> Self | None:
        if not in_rows(op.node) or not (cls.any_dtype or is_float(op.node)):
            return None
        hull = next(iter(inputs.values()))
        for node, window in inputs.items():
            if window.flat or not in_rows(node) or window.axis != hull.axis:
                return None
            shape = shape_of(node)
            if len(shape) != len(op.shape):
                return None
            if shape[window.axis - 1] != op.shape[window.axis - 1] or _mixes(op, node, window.axis):
                return None
            hull = hull.hull(window)
        return cls(op.node, hull)

    @classmethod
    def cut(cls, op: Operation, axis: int) -> tuple[Self, Inputs] | None:
        batch, length = [n for n in op.node.all_input_nodes if n.meta["of_batch"]], op.shape[axis - 1]
        if not all(map(in_rows, batch)):
            return None
        inputs = {
            node: Window(axis, 0, length)
            for node in batch
            if len(shape_of(node)) == len(op.shape) and shape_of(node)[axis - 1] == length
        }
        rule = cls._facing_each_other(op, inputs) if inputs else None
        return None if rule is None else (rule, inputs)

    def reads(self, inputs: Inputs, out: Window) -> list[tuple[Node, Window | None]]:
        changed = [(node, out) for node in inputs]
        return [(self.node, out), *changed, *((node, self._facing(node, out)) for node in self._others(inputs))]

    def base(self, run: Backgrounds, source: Node, out: Window, like: torch.Tensor) -> torch.Tensor:
        return run.background(source, out, like)

    def added(self, run: Backgrounds, deltas: Deltas, out: Window) -> dict[Node, torch.Tensor]:
        """The inputs' differences, each added to its base."""
        values = {}
        for node, (have, delta) in deltas.items():
            if run.comes_added(node):
                values[node] = delta
                continue
            fitting = fit(delta, have, out.lo, out.hi)
            spare = fitting is not delta or run.may_overwrite(node)
            values[node] = (fitting.add_ if spare else fitting.add)(self.base(run, node, out, fitting))
        return values

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        after = self._after(run, self.added(run, deltas, out), out)
        return after - run.background(self.node, out, after)

    def value(self, run: Backgrounds, parts: Deltas, wholes: Wholes, out: Window) -> torch.Tensor:
        facing = {node: fit(x, have, out.lo, out.hi) for node, (have, x) in parts.items()}
        return self._after(run, facing | wholes, out)

    def _after(self, run: Backgrounds, values: dict[Node, torch.Tensor], out: Window) -> torch.Tensor:
        """What the operation gives for values of its inputs that differ."""
        like = next(iter(values.values()))

        def value(node: Node) -> Any:
            if node in values:
                return values[node]
            facing = self._facing(node, out)
            return run.background(node, facing, like) if node.meta["of_batch"] else run.constant(node, facing)

        args, kwargs = torch.fx.map_arg((self.node.args, self.node.kwargs), value)
        y: torch.Tensor = self.target(*args, **kwargs)
        return y

    def _others(self, inputs: Any) -> list[Node]:
        """The inputs that are as in the background, but differ between backgrounds."""
        return [node for node in self.node.all_input_nodes if node not in inputs and node.meta["of_batch"]]

    def _facing(self, node: Node, out: Window) -> Window | None:
        """The window of an unchanged input that faces the output's; None for one that has no such positions."""
        value = node.meta.get("val")
        if not isinstance(value, torch.Tensor):
            return None
        axis = out.axis - (len(self.shape) + 1 - value.ndim)
        broadcast = self.target is not aten.prelu.default
        facing = broadcast and axis >= 0 and value.shape[axis] == self.shape[out.axis - 1] != 1
        return out._replace(axis=axis) if facing else None


def _mixes(op: Operation, node: Node, axis: int) -> bool:
    """Whether an operation reduces or normalizes an input over the positions."""
    ndim = len(op.shape) + 1
    if "normalized_shape" in op.args:
        return axis >= ndim - len(op.args["normalized_shape"])
    if op.target is aten.prelu.default and op.args["weight"].meta["val"].numel() > 1:
        return axis == 1 or node is op.args["weight"]
    return "dim" in op.args and op.args["dim"] is not None and op.args["dim"] % ndim == axis


class Relu(Positionwise):
    """The most frequent of them, in a single pass: relu(x + d) - relu(x) = max(min(x, 0) + d, -relu(x))."""

    def base(self, run: Backgrounds, source: Node, out: Window, like: torch.Tensor) -> torch.Tensor:
        return run.once((self, "base", out), lambda: run.background(source, out, like).clamp(max=0))

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        (value,) = self.added(run, deltas, out).values()
        least = run.once((self, "least", out), lambda: -run.background(self.node, out, value))
        return torch.maximum(value, least, out=value)


class Sum(Positionwise):
    """Addition and subtraction, from the left or the right: differences add up."""

    has_base = False
    linear = True

    def reads(self, inputs: Inputs, out: Window) -> list[tuple[Node, Window | None]]:
        return []

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        size = list(self.shape)
        size[out.axis - 1] = out.width
        name, alpha = str(self.target), self.args["alpha"]
        factors = (-alpha, 1) if "rsub" in name else (1, -alpha) if "sub" in name else (1, alpha)
        operands = [
            (operand, factor, *deltas[operand])
            for operand, factor in zip((self.args["self"], self.args["other"]), factors, strict=True)
            if operand in deltas
        ]
        total = None
        for i, (operand, factor, have, delta) in enumerate(operands):
            once = sum(other is operand for other, *_ in operands) == 1
            same = delta.shape[1:] == tuple(size) and (have.lo, have.hi) == (out.lo, out.hi)
            if factor == 1 and once and same and run.may_overwrite(operand):
                total = delta
                del operands[i]
                break
        if total is None:
            total = operands[0][3].new_zeros(len(operands[0][3]), *size)
        for _, factor, have, delta in operands:
            add_into(total, out, delta if factor == 1 else delta * factor, have)
        return total


class Scale(Positionwise):
    """Multiplication or division by what is as in the background."""

    has_base = False

    @classmethod
    def match(cls, op: Operation, inputs: Inputs) -> Self | None:
        divides = "div" in str(op.target)
        squares = op.args["self"] is op.args.get("other")
        if len(inputs) > 1 or squares or (divides and op.args["other"] in inputs):
            return None
        return super().match(op, inputs)

    def reads(self, inputs: Inputs, out: Window) -> list[tuple[Node, Window | None]]:
        return [(node, self._facing(node, out)) for node in self._others(inputs)]

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        ((changed, (have, delta)),) = deltas.items()

        def value(node: Node) -> Any:
            if node is changed:
                return fit(delta, have, out.lo, out.hi)
            facing = self._facing(node, out)
            return run.background(node, facing, delta) if node.meta["of_batch"] else run.constant(node, facing)

        args, kwargs = torch.fx.map_arg((self.node.args, self.node.kwargs), value)
        return self.target(*args, **kwargs)


class BatchNorm(Rule):
    """In evaluation mode: each channel times a constant."""

    cuts = True
    shares = False

    @classmethod
    def on(cls, op: Operation, window: Window) -> Self | None:
        return None if op.args["training"] or window.axis == 1 else cls(op.node, window)

    def value(self, run: Backgrounds, parts: Deltas, wholes: Wholes, out: Window) -> torch.Tensor:
        have, x = parts[self.source]
        args, kwargs = torch.fx.map_arg((self.node.args[1:], self.node.kwargs), run.constant)
        y: torch.Tensor = self.target(fit(x, have, out.lo, out.hi), *args, **kwargs)
        return y

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        scale = (run.constant(self.args["running_var"]) + self.args["eps"]).rsqrt()
        if self.args["weight"] is not None:
            scale = scale * run.constant(self.args["weight"])
        return fit(delta, have, out.lo, out.hi) * scale.view(-1, *[1] * (delta.ndim - 2))


class Unchanged(Rule):
    """Operations that leave the values as they are, such as dropout in evaluation mode."""

    cuts = True
    flat = True
    any_dtype = True

    @classmethod
    def on(cls, op: Operation, window: Window) -> Self | None:
        return None if op.args.get("train") else cls(op.node, window)

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        return fit(delta, have, out.lo, out.hi)


class Cast(Unchanged):
    """Another floating-point type."""

    @classmethod
    def on(cls, op: Operation, window: Window) -> Self | None:
        return cls(op.node, window) if is_float(op.node) and is_float(op.source) else None

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        return super().apply(run, deltas, out).to(self.node.meta["val"].dtype)
