"""What every rule has: its operation, where the output differs, and three questions to answer."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import Any, Protocol, Self

import torch
from torch.fx import Node

from .windows import Window

aten = torch.ops.aten
Inputs = dict[Node, Window]
Deltas = dict[Node, tuple[Window, torch.Tensor]]
Wholes = dict[Node, torch.Tensor]
"""Whole values."""


class Backgrounds(Protocol):
    """What a rule may ask of a run: values of the backgrounds (1 or as many rows as differences) and of constants."""

    def background(
        self, node: Node, window: Window | None = None, like: torch.Tensor | None = None
    ) -> torch.Tensor: ...

    def constant(self, node: Node, window: Window | None = None) -> Any: ...

    def derived(self, node: Node, make: Callable[[], torch.Tensor]) -> torch.Tensor: ...

    def may_overwrite(self, node: Node) -> bool: ...

    def comes_added(self, node: Node) -> bool: ...

    def base(self, out: Window, like: torch.Tensor) -> torch.Tensor | None: ...

    def once(self, key: Any, make: Callable[[], torch.Tensor]) -> torch.Tensor: ...

    def buffer(
        self, purpose: Any, like: torch.Tensor, *shape: int, order: tuple[int, ...] | None = None
    ) -> torch.Tensor: ...


@dataclass(frozen=True, eq=False)
class Operation:
    """An operation of the graph: its function, its arguments by name, its first input, and the shape of its output."""

    node: Node

    @cached_property
    def args(self) -> dict[str, Any]:
        known = self.node.meta
        if "arguments" not in known:  # the same in all programs
            known["arguments"] = bound_arguments(self.node)
        arguments: dict[str, Any] = known["arguments"]
        return arguments

    @cached_property
    def source(self) -> Node:
        return self.node.all_input_nodes[0] if self.node.all_input_nodes else self.node

    @cached_property
    def target(self) -> Callable[..., Any]:
        return function_of(self.node)

    @cached_property
    def shape(self) -> tuple[int, ...]:
        return shape_of(self.node)


@dataclass(frozen=True, eq=False)
class Rule(Operation):
    """How differences of inputs pass through an operation; as a base: one input, positions one to one.

    It is made by `match`, and then never changes. The questions that follow are for `out`: what is needed of `window`.
    """

    window: Window
    """Where the output differs."""

    flat = False
    """Whether it takes an input that was flattened."""

    collapses = False
    """Whether the output has no positions left, and is given whole rather than as a difference."""

    shares = True
    """Whether the output may share memory with an input."""

    adds = False
    """Whether its difference can be added to something for no more work."""

    linear = False
    """Whether `apply` gives for a sum the sum of what it gives for its terms, and for values what their part is."""

    any_dtype = False
    """Whether its inputs and output may be other than floating-point numbers: whole ones, true or false."""

    has_base = False
    """Whether it needs its inputs' differences added to something, its `base`."""

    cuts = False
    """Whether it can compute a part of the output's values too, where all of the inputs differ."""

    @classmethod
    def match(cls, op: Operation, inputs: Inputs) -> Self | None:
        """The rule for an operation on inputs that differ on windows, if there is one."""
        ((node, window), *others) = inputs.items()
        one = not others and node is op.source and in_rows(op.node)
        return cls.on(op, window) if one and (cls.flat or not window.flat) else None

    @classmethod
    def on(cls, op: Operation, window: Window) -> Self | None:
        """The rule where the first input alone differs, on a window."""
        return cls(op.node, window)

    @classmethod
    def cut(cls, op: Operation, axis: int) -> tuple[Self, Inputs] | None:
        """A rule for parts of the output's values along an axis, and where, in full, inputs face it."""
        batch = [n for n in op.node.all_input_nodes if n.meta["of_batch"] and not is_size(n)]
        if batch != [op.source] or not in_rows(op.source):
            return None
        for at, length in enumerate(shape_of(op.source), 1):
            facing = Window(at, 0, length)
            rule = cls.on(op, facing)
            if rule is not None and not rule.collapses and not rule.window.flat and rule.window.axis == axis:
                return rule, {op.source: facing}
        return None

    def need(self, source: Node, out: Window) -> tuple[int, int]:
        """Which positions of an input the output looks at."""
        return out.lo, out.hi

    def need_whole(self, window: Window) -> tuple[int, int]:
        """Which positions of an input that differs on a window the output looks at, of a rule that `collapses`."""
        return window.lo, window.hi

    def reads(self, inputs: Inputs, out: Window) -> list[tuple[Node, Window | None]]:
        """The backgrounds' activations that `apply` asks for, whole where the window is None."""
        return []

    @property
    def read_whole(self) -> Node:
        """The one of which `collapse` asks for the backgrounds' activation, whole."""
        return self.node

    def multiplies_values(self, inputs: Collection[Node]) -> bool:
        """Whether `apply` multiplies values, not only differences: as precisely as full passes do."""
        return False

    def base(self, run: Backgrounds, source: Node, out: Window, like: torch.Tensor) -> torch.Tensor:
        """What the difference of an input, laid out in memory as `like` is, is to be added to before anything else."""
        raise NotImplementedError

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        """The output's difference."""
        raise NotImplementedError

    def value(self, run: Backgrounds, parts: Deltas, wholes: Wholes, out: Window) -> torch.Tensor:
        """A part of the output's values, of a rule that `cuts`; where it is linear, computed as differences are.

        Args:
            parts: the values of inputs that face that part, on the windows that are needed.
            wholes: those of the others that depend on the batch.
        """
        return self.apply(run, parts, out)

    def collapse(self, run: Backgrounds, deltas: Deltas) -> torch.Tensor:
        """The whole output, of a rule that `collapses`."""
        raise NotImplementedError


def bound_arguments(node: Node) -> dict[str, Any]:
    """The arguments of an operation by name, its defaults filled in."""
    if not hasattr(node.target, "_schema"):
        return dict(node.kwargs)
    schema = node.target._schema.arguments
    names = [argument.name for argument in schema]
    defaults = {argument.name: argument.default_value for argument in schema if argument.has_default_value()}
    return {**defaults, **dict(zip(names, node.args, strict=False)), **node.kwargs}


def function_of(node: Node) -> Callable[..., Any]:
    """The function that a node calls, of one that calls any."""
    if isinstance(node.target, str):
        raise TypeError(f"{node} calls no function")
    return node.target


def shape_of(node: Node) -> tuple[int, ...]:
    """The shape, without the batch, of a node that is `in_rows`."""
    shape = _row(node)
    if shape is None:
        raise TypeError(f"{node} is no tensor with the batch as its first dimension alone")
    return shape


def size_of(node: Node, window: Window | None) -> int:
    """How many numbers a node has on a window, for one row."""
    value = node.meta.get("val")
    if not isinstance(value, torch.Tensor):
        return 1
    if window is None:
        return math.prod(shape_of(node) if in_rows(node) else map(of_one_row, value.shape))
    shape = list(window.flat or shape_of(node))
    shape[window.axis - 1] = window.width
    return math.prod(shape)


def of_one_row(n: int | torch.SymInt) -> int:
    """A size, for a batch of one row."""
    return int(_for_rows(n, 1))


def size_for(node: Node, n_rows: int) -> int | float:
    """A size, or what is computed of sizes, for a batch of some rows."""
    return _for_rows(node.meta["val"], n_rows)


def _for_rows(value: float | torch.SymInt | torch.SymFloat, n_rows: int) -> int | float:
    if not isinstance(value, (torch.SymInt, torch.SymFloat)):
        return value
    expression = value.node.expr
    expression = expression.subs(dict.fromkeys(expression.free_symbols, n_rows))
    return int(expression) if isinstance(value, torch.SymInt) else float(expression)


def in_rows(node: Node) -> bool:
    """Whether a node is a tensor whose first dimension, and no other, is the batch."""
    return _row(node) is not None


def _row(node: Node) -> tuple[int, ...] | None:
    """The shape of a row of a node, if its first dimension, and no other, is the batch."""
    known = node.meta
    if "row" not in known:  # PyTorch takes its time over symbolic shapes
        value, shape = known.get("val"), None
        if isinstance(value, torch.Tensor) and value.ndim > 0 and isinstance(value.shape[0], torch.SymInt):
            batch, *others = value.shape
            if batch.node.expr.is_Symbol and not any(isinstance(n, torch.SymInt) for n in others):
                shape = tuple(others)
        known["row"] = shape
    row: tuple[int, ...] | None = known["row"]
    return row


def is_float(node: Node) -> bool:
    """Whether a node is a tensor of floating-point numbers."""
    value = node.meta.get("val")
    return isinstance(value, torch.Tensor) and value.is_floating_point()


def is_exact(node: Node) -> bool:
    """Whether a tensor holds whole numbers, of which differences are exact: the letters, and what is made of them."""
    letters = node.op == "placeholder" or not is_float(node)
    return letters or (node.target in KEEP_WHOLE and is_exact(node.all_input_nodes[0]))


def is_size(node: Node) -> bool:
    """Whether a node is a number that follows from the number of rows alone."""
    if node.target is aten.sym_size.int:
        return True
    numbers = isinstance(node.meta.get("val"), (int, float, torch.SymInt, torch.SymFloat))
    return numbers and bool(node.all_input_nodes) and all(map(is_size, node.all_input_nodes))


def constant_of(node: Node) -> Any:
    """What a node that depends on no input gives."""
    if node.op == "get_attr":
        return attrgetter(str(node.target))(node.graph.owning_module)
    args, kwargs = torch.fx.map_arg((node.args, node.kwargs), constant_of)
    return function_of(node)(*args, **kwargs)


def overloads(names: str) -> list[Any]:
    """The operations `name.overload` that this version of PyTorch has."""
    found = []
    for name in names.split():
        packet, _, overload = name.partition(".")
        found.append(getattr(getattr(aten, packet, None), overload or "default", None))
    return [operation for operation in found if operation is not None]


KEEP_WHOLE = set(
    overloads(
        "sum.dim_IntList amax amin slice.Tensor select.int index_select flip permute transpose.int mT unsqueeze "
        "squeeze.dim clone contiguous to.dtype to.dtype_layout abs relu reshape flatten.using_ints"
    )
)
"""Operations on one tensor that make whole numbers of whole numbers."""
