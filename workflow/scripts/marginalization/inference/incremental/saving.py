"""What a program saves of a full forward pass, counted operation by operation, and how much memory either takes."""

from __future__ import annotations

import contextlib
import math
import operator
import os
import resource
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch.fx import Node

from .planner import Program, Step, last_uses
from .rules.base import bound_arguments, is_size, of_one_row, overloads, size_of
from .rules.products import letters_of
from .rules.windows import Window

TRANSPOSED = set(overloads("conv_transpose1d conv_transpose2d.input"))

SIDES_COST = 2**22
"""How many multiplications take as long as what a step takes more for two sides, or for cores, however many rows."""


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
    full, left = sum(map(_cost, nodes)), work(program)
    first = next((step.node for step in program.steps if step.inputs and (step.rule is None or step.parts)), None)
    return Saving(1 - left / max(1, full), None if first is None else f"{first.target} at {_module(first)}")


def work(program: Program) -> float:
    """About how many operations on a number a program takes for one row."""
    return sum(_cost(step.node) * _part(step) for step in program.steps)


def work_with_gap(program: Program, n: int, n_motifs: int, n_rows: int) -> float:
    """About how many a program with a gap takes for one row, of some motifs in n backgrounds.

    Args:
        n_rows: how many rows run at a time.
    """
    total = work(program) + sum(step.gap is not None for step in program.steps) * SIDES_COST / n_rows
    if program.cores is not None:
        once = program.cores.program
        halos = ((step.node, halo.out) for step in program.steps for halo in step.halos or () if halo is not None)
        terms = sum(_cost(node) * size_of(node, out) / size_of(node, None) for node, out in halos)
        total += (work(once) + len(once.steps) * SIDES_COST / n_motifs) / n + terms * (1 / n + 1 / n_motifs)
    return total


def _cost(node: Node) -> int:
    """About how many multiplications, or other operations on a number, an operation takes for one row."""
    if "cost" not in node.meta:  # the same in all programs
        node.meta["cost"] = _counted(node)
    cost: int = node.meta["cost"]
    return cost


def _counted(node: Node) -> int:
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
        return step.computed * size_of(step.node, step.out) / size_of(step.node, None)
    if step.rule is None:
        return 1.0
    return sum(size_of(*source) for source in step.inputs.items()) / sum(size_of(node, None) for node in step.inputs)


def _module(node: Node) -> str:
    """The module of the model that an operation is in."""
    stack = list(node.meta.get("nn_module_stack", {}).values())
    path = stack[-1][0].removeprefix("model").lstrip(".") if stack else ""
    return path or "the model itself"


def held_in_full(nodes: Sequence[Node]) -> int:
    """How many bytes a full pass of a graph's nodes holds for one row, at the most; weights are not counted."""
    return _most_held([(node, _bytes(node, None)) for node in nodes], last_uses(list(nodes)))


def held_by_program(program: Program) -> int:
    """How many bytes a program holds for one row at the most, with what it makes to take activations whole."""
    sizes, made = [], {}
    for step in program.steps:
        sizes.append((step.node, _bytes(step.node, step.out)))
        if step.is_whole:  # a difference is added to a copy of the background
            made[step.node] = sum(_bytes(node, None) for node in step.inputs)
    return _most_held(sizes, {step.node: step.last_use_of for step in program.steps}, made)


def kept_of_background(program: Program) -> int:
    """How many bytes are kept of a background for a program."""
    return sum(_bytes(node, window) for node, window in program.reads.items())


def _most_held(
    sizes: Sequence[tuple[Node, int]], dropped: Mapping[Node, Sequence[Node]], made: Mapping[Node, int] | None = None
) -> int:
    """The most bytes that are held at a time, of nodes one after the other, some of which make others to work on."""
    held = most = 0
    own: dict[Node, Node] = {}  # whose memory a node's values lie in
    users: dict[Node, int] = {}
    size_of_own: dict[Node, int] = {}
    for node, n_bytes in sizes:
        owner = own[node] = own.get(node.all_input_nodes[0], node) if _is_view(node) else node
        users[owner] = users.get(owner, 0) + 1
        if owner is node:
            size_of_own[node] = n_bytes
            held += n_bytes
        most = max(most, held + (made or {}).get(node, 0))
        for used in dropped[node]:
            if used in own:
                users[own[used]] -= 1
                held -= 0 if users[own[used]] else size_of_own[own[used]]
    return most


def _is_view(node: Node) -> bool:
    """Whether an operation gives its first input's memory: a view of it, or an item of what it gave."""
    returns = getattr(getattr(node.target, "_schema", None), "returns", ())
    of_memory = any(value.alias_info is not None for value in returns) or node.target is operator.getitem
    return of_memory and bool(node.all_input_nodes)


def _bytes(node: Node, window: Window | None) -> int:
    """Of a node's values for one row; of weights, which are there anyway, none."""
    value = node.meta.get("val")
    if not node.meta.get("of_batch"):
        return 0
    if isinstance(value, torch.Tensor):
        return size_of(node, window) * value.element_size()
    return 0


def memory_of(device: torch.device) -> int:
    """How many bytes a device has, or on a CPU this process may have, whatever else runs there."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), resource.getrlimit(resource.RLIMIT_AS)[0]]
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):  # there is none, or no limit
            found.append(int(Path(path).read_text()))
    return min(n for n in found if n > 0)
