"""What every rule has: the arguments of its operation, the shape of its output, and three questions to answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch.fx import Node

from .windows import Window

aten = torch.ops.aten
Inputs = dict[Node, Window]
Deltas = dict[Node, tuple[Window, torch.Tensor]]


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


class Rule:
    """Base: one changed input, and positions that correspond one to one."""

    collapses = False
    """Whether the output has no positions left, and is given whole rather than as a difference."""

    shares = True
    """Whether the output may share memory with an input."""

    adds = False
    """Whether its difference can be added to something for no more work."""

    has_base = False
    """Whether it needs its inputs' differences added to something, its `base`."""

    def __init__(self, node: Node):
        self.node = node
        self.args = bound_arguments(node)
        self.source = node.all_input_nodes[0] if node.all_input_nodes else node
        self.shape = shape_of(node)

    def reach(self, inputs: Inputs) -> Window | None:
        raise NotImplementedError

    def need(self, source: Node, out: Window, inputs: Inputs) -> tuple[int, int]:
        return out.lo, out.hi

    def reads(self, inputs: Inputs, out: Window) -> list[tuple[Node, Window | None]]:
        """The backgrounds' activations that `apply` asks for, whole where the window is None."""
        return []

    def base(self, run: Backgrounds, source: Node, out: Window, like: torch.Tensor) -> torch.Tensor:
        """What the difference of an input, laid out in memory as `like` is, is to be added to before anything else."""
        raise NotImplementedError

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        raise NotImplementedError


def bound_arguments(node: Node) -> dict[str, Any]:
    """The arguments of an operation by name, its defaults filled in."""
    if not hasattr(node.target, "_schema"):
        return dict(node.kwargs)
    schema = node.target._schema.arguments
    names = [argument.name for argument in schema]
    defaults = {argument.name: argument.default_value for argument in schema if argument.has_default_value()}
    return {**defaults, **dict(zip(names, node.args, strict=False)), **node.kwargs}


def shape_of(node: Node) -> tuple[int, ...] | None:
    """The shape of a node's tensor without the batch; None unless the batch is its first dimension, and no other."""
    return tuple(node.meta["val"].shape[1:]) if in_rows(node) and node.meta["val"].ndim > 1 else None


def in_rows(node: Node) -> bool:
    """Whether a node is a tensor whose first dimension, and no other, is the batch."""
    value = node.meta.get("val")
    if not isinstance(value, torch.Tensor) or value.ndim == 0 or not isinstance(value.shape[0], torch.SymInt):
        return False
    return value.shape[0].node.expr.is_Symbol and not any(isinstance(n, torch.SymInt) for n in value.shape[1:])


def is_size(node: Node) -> bool:
    """Whether a node is a number that follows from the number of rows alone."""
    if node.target is aten.sym_size.int:
        return True
    numbers = isinstance(node.meta.get("val"), (int, float, torch.SymInt, torch.SymFloat))
    return numbers and bool(node.all_input_nodes) and all(map(is_size, node.all_input_nodes))


def single(inputs: Inputs) -> tuple[Node, Window] | None:
    """The one changed input with a plain window, if that is what there is."""
    ((node, window), *others) = inputs.items()
    return None if others or window.flat or shape_of(node) is None else (node, window)


def overloads(names: str) -> list[Any]:
    """The operations `name.overload` that this version of PyTorch has."""
    found = []
    for name in names.split():
        packet, _, overload = name.partition(".")
        found.append(getattr(getattr(aten, packet, None), overload or "default", None))
    return [operation for operation in found if operation is not None]
