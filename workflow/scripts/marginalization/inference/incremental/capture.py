"""Models captured as graphs of operations, by `torch.export`."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import nn
from torch.fx import Node

from .gaps.reached import Place
from .graphs.exporting import exported
from .graphs.identity import identity
from .graphs.in_place import out_of_place
from .saving import held_in_full
from .simplify import simplify


class Captured(NamedTuple):
    """A model as a graph.

    Fields:
        module: with its weights.
        nodes: those that its outputs depend on, in the order of their computation. `of_batch` in a node's metadata says
            whether its value depends on the inputs.
        outputs: those of its outputs.
        tree: an output tree of one row.
        programs: plans for the graph, by where their input differs.
        held: how many bytes a full pass holds of one row, at the most.
    """

    module: nn.Module
    nodes: list[Node]
    outputs: list[Node]
    tree: Any
    programs: dict[Place, Any]
    held: int


_captured: WeakKeyDictionary[nn.Module, tuple[Any, Captured]] = WeakKeyDictionary()


def captured(model: nn.Module, inputs: Sequence[torch.Tensor]) -> Captured:
    """A model as a graph, the same one as before while the model lives and is the same.

    Args:
        model: any module that `torch.export` captures with a symbolic batch, in evaluation mode.
        inputs: of the shapes but for the batch, dtypes and devices of all that follow.
    """

    def key() -> tuple[Any, ...]:
        return identity(model), torch.get_default_dtype(), [(x.shape[1:], x.dtype, x.device) for x in inputs]

    known, now = _captured.get(model), key()
    if now[0] is None or known is None or known[0] != now:
        found = _capture(model, tuple(inputs))
        known = _captured[model] = key(), found  # PyTorch puts copies of lists and tuples in their place
    return known[1]


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Without Python's search for cycles: a third of the time of importing PyTorch's exporter, and of making graphs."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


@_uncollected()
def _capture(model: nn.Module, inputs: tuple[torch.Tensor, ...]) -> Captured:
    with torch.no_grad():
        tree = model(*(x[:1].clone() for x in inputs))  # a model may write over its inputs
        example = tuple(x[:2].clone() if len(x) > 1 else torch.cat([x, x]) for x in inputs)
        batch = torch.export.Dim("batch", min=1)
        shapes = (tuple({0: batch} for _ in inputs),)
        program = exported(model, example, shapes)
        if not out_of_place(program.graph):
            program = program.run_decompositions({})  # the same without operations in place
        module = program.module()
    simplify(module.graph)
    output = next(node for node in module.graph.nodes if node.op == "output")
    outputs = list(output.all_input_nodes)
    wanted = set(outputs)
    for node in reversed(module.graph.nodes):
        if node in wanted:
            wanted.update(node.all_input_nodes)
    nodes = [node for node in module.graph.nodes if node in wanted or node.op == "placeholder"]
    for node in nodes:
        node.meta["of_batch"] = node.op == "placeholder" or any(n.meta["of_batch"] for n in node.all_input_nodes)
    return Captured(module, nodes, _flatten(output.args[0]), tree, {}, held_in_full(nodes))


def _flatten(value: Any) -> list[Any]:
    return [leaf for item in value for leaf in _flatten(item)] if isinstance(value, (list, tuple)) else [value]
