"""Models captured as graphs of operations, by `torch.export`."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.fx import Node

from ...models.outputs import leaves
from .simplify import simplify


class _Leaves(nn.Module):
    """A model of a tuple of inputs that returns the tensors of its output tree alone."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return tuple(leaves(self.model(*inputs)))


def capture(model: nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[nn.Module, list[Node], list[Node], Any]:
    """A model as a graph: the module with its weights, the nodes that its outputs depend on, those, and the tree.

    `of_batch` in a node's metadata says whether its value depends on the inputs.
    """
    with torch.no_grad():
        tree = model(*(x[:1] for x in inputs))
        example = tuple(x[:2] if len(x) > 1 else torch.cat([x, x]) for x in inputs)
        batch = torch.export.Dim("batch", min=1)
        shapes = (tuple({0: batch} for _ in inputs),)
        program = torch.export.export(_Leaves(model), (example,), dynamic_shapes=shapes)
        if any(
            getattr(node.target, "_schema", None) and node.target._schema.is_mutable for node in program.graph.nodes
        ):
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
    return module, nodes, _flatten(output.args[0]), tree


def _flatten(value: Any) -> list[Any]:
    return [leaf for item in value for leaf in _flatten(item)] if isinstance(value, (list, tuple)) else [value]
