"""What a program saves of a full forward pass: multiplications and additions, counted operation by operation."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch.fx import Node

from .planner import Program, Step, of_one_row, size_of
from .rules.base import bound_arguments, is_size, overloads
from .rules.products import letters_of

TRANSPOSED = set(overloads("conv_transpose1d conv_transpose2d.input"))


class Saving(NamedTuple):
    """How much less a program computes than a full pass.

    Fields:
        share: of the full pass's operations that it leaves out, from 0 to 1.
        whole_from: the first operation that it computes whole because it has no rule, and the module that it is in;
            None where each has one.
    """

    share: float
    whole_from: str | None

    def __str__(self) -> str:
        rest = "" if self.whole_from is None else f"; {self.whole_from} has no rule, and all from there on is whole"
        return f"{self.share:.0%} of the operations of a full forward pass are left out{rest}"


def saving(nodes: Sequence[Node], program: Program) -> Saving:
    """What a program for a graph of these nodes saves."""
    full = sum(map(_cost, nodes))
    left = sum(_cost(step.node) * _part(step) for step in program.steps)
    first = next((step.node for step in program.steps if step.inputs and (step.rule is None or step.parts)), None)
    return Saving(1 - left / max(1, full), None if first is None else f"{first.target} at {_module(first)}")


def _cost(node: Node) -> int:
    """About how many multiplications, or other operations on a number, an operation takes for one row."""
    if node.op != "call_function" or not node.meta["of_batch"] or is_size(node) or node.target is operator.getitem:
        return 0
    args = bound_arguments(node)
    if isinstance(args.get("params"), (list, tuple)):  # a recurrent layer: all weights at each position
        return math.prod(_shape(args["input"])[:-1]) * sum(weight.meta["val"].numel() for weight in args["params"])
    if len(weight := _shape(args.get("weight"))) > 1:
        each = math.prod(weight[1:])
        if node.target in TRANSPOSED:  # which uses them once for each input
            return size_of(args["input"], None) * each
    elif (lettered := letters_of(node)) is not None:  # all numbers that are multiplied, of one row
        sizes: dict[str, int] = {}
        for operand, letters in lettered[0]:
            for letter, n in zip(letters, _shape(operand), strict=True):
                sizes[letter] = max(n, sizes.get(letter, 1))
        return math.prod(sizes.values())
    else:  # attention: scores, and their products with values
        each = 2 * _shape(args["key"])[-2] if len(_shape(args.get("key"))) > 1 else 1
    return size_of(node, None) * each


def _shape(node: Any) -> tuple[int, ...]:
    """The shape of a tensor for one row; of something else, none."""
    value = node.meta.get("val") if isinstance(node, Node) else None
    return tuple(map(of_one_row, value.shape)) if isinstance(value, torch.Tensor) else ()


def _part(step: Step) -> float:
    """Which part of an operation a step computes."""
    if step.parts is not None and step.out is None:
        return 1.0
    if step.out is not None:
        return size_of(step.node, step.out) / size_of(step.node, None)
    if step.rule is None:
        return 1.0
    return sum(size_of(*source) for source in step.inputs.items()) / sum(size_of(node, None) for node in step.inputs)


def _module(node: Node) -> str:
    """The module of the model that an operation is in."""
    stack = list(node.meta.get("nn_module_stack", {}).values())
    path = stack[-1][0].removeprefix("model").lstrip(".") if stack else ""
    return path or "the model itself"
