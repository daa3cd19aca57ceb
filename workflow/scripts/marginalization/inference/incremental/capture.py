"""Models captured as graphs of operations, by `torch.export`."""

from __future__ import annotations

import contextlib
import io
import math
import re
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import MethodType
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import nn
from torch.fx import Node
from torch.nn import functional

from ...models.outputs import leaves
from .identity import identity
from .rules.windows import Window
from .saving import held_in_full
from .simplify import simplify


class _Leaves(nn.Module):
    """A model of a tuple of inputs that returns the tensors of its output tree alone."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return tuple(leaves(self.model(*inputs)))


class Captured(NamedTuple):
    """A model as a graph.

    Fields:
        module: with its weights.
        nodes: those that its outputs depend on, in the order of their computation. `of_batch` in a node's metadata says
            whether its value depends on the inputs.
        outputs: those of its outputs.
        tree: an output tree of one row.
        programs: plans for the graph, by the window of their input.
        held: how many bytes a full pass holds of one row, at the most.
    """

    module: nn.Module
    nodes: list[Node]
    outputs: list[Node]
    tree: Any
    programs: dict[Window, Any]
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


def _capture(model: nn.Module, inputs: tuple[torch.Tensor, ...]) -> Captured:
    with torch.no_grad():
        tree = model(*(x[:1] for x in inputs))
        example = tuple(x[:2] if len(x) > 1 else torch.cat([x, x]) for x in inputs)
        batch = torch.export.Dim("batch", min=1)
        shapes = (tuple({0: batch} for _ in inputs),)
        program = _exported(model, example, shapes)
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
    return Captured(module, nodes, _flatten(output.args[0]), tree, {}, held_in_full(nodes))


def _exported(model: nn.Module, example: tuple[torch.Tensor, ...], shapes: Any) -> torch.export.ExportedProgram:
    """The exported model: run once to see what it does, or, where that is of too few batches, read line by line."""
    errors: list[Exception] = []
    for strict in (False, True):
        try:
            with (
                _in_rows(model),
                contextlib.redirect_stderr(io.StringIO()),
            ):  # where PyTorch prints the graph of what it can not capture
                return torch.export.export(_Leaves(model), (example,), dynamic_shapes=shapes, strict=strict)
        except Exception as error:
            errors.append(error)
        if DATA_DEPENDENT in str(errors[0]):
            break
    raise CaptureError(hindrance(model, errors)) from errors[0]


@contextlib.contextmanager
def _in_rows(model: nn.Module) -> Iterator[None]:
    """Have PyTorch's attention layers keep the batch as their first dimension, so that there are rules for them."""
    layers = [m for m in model.modules() if getattr(type(m), "forward", None) is nn.MultiheadAttention.forward]
    layers = [layer for layer in layers if "forward" not in vars(layer)]
    try:
        for layer in layers:
            layer.forward = MethodType(_attend, layer)
        yield
    finally:
        for layer in layers:
            vars(layer).pop("forward", None)


def _attend(
    self: nn.MultiheadAttention,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    key_padding_mask: torch.Tensor | None = None,
    need_weights: bool = True,
    attn_mask: torch.Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """What `nn.MultiheadAttention` gives, with its arguments; weights that nobody takes are dropped from the graph."""
    odd = self.training or self.bias_k is not None or self.add_zero_attn or key_padding_mask is not None
    if odd or query.ndim != 3 or (is_causal and attn_mask is None) or (attn_mask is not None and attn_mask.ndim != 2):
        options = key_padding_mask, need_weights, attn_mask, average_attn_weights, is_causal
        y: tuple[torch.Tensor, torch.Tensor | None] = nn.MultiheadAttention.forward(self, query, key, value, *options)
        return y
    q, k, v = (_heads(self, i, x if self.batch_first else x.transpose(0, 1)) for i, x in enumerate((query, key, value)))
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        attn_mask = torch.zeros_like(attn_mask, dtype=q.dtype).masked_fill(attn_mask, -math.inf)
    mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask).transpose(1, 2).flatten(2)
    mixed = functional.linear(mixed, self.out_proj.weight, self.out_proj.bias)
    mixed = mixed if self.batch_first else mixed.transpose(0, 1)
    if not need_weights:
        return mixed, None
    logits = q @ k.transpose(-1, -2) / math.sqrt(self.head_dim)
    weights = (logits if attn_mask is None else logits + attn_mask).softmax(-1)
    return mixed, weights.mean(1) if average_attn_weights else weights


def _heads(layer: nn.MultiheadAttention, i: int, x: torch.Tensor) -> torch.Tensor:
    """Queries, keys or values, by their number: (rows, heads, positions, channels)."""
    if layer.in_proj_weight is None:
        weight = (layer.q_proj_weight, layer.k_proj_weight, layer.v_proj_weight)[i]
    else:
        weight = layer.in_proj_weight.chunk(3)[i]
    bias = None if layer.in_proj_bias is None else layer.in_proj_bias.chunk(3)[i]
    return functional.linear(x, weight, bias).unflatten(-1, (layer.num_heads, -1)).transpose(1, 2)


class CaptureError(Exception):
    """A model that PyTorch can not capture; says at which line, and what to write there."""


DATA_DEPENDENT = "data-dependent"
"""What PyTorch says where a model goes another way, or computes with numbers of Python, by what the data are."""

KINDS = {
    "Constraints violated": "forward fixes the number of sequences",
    DATA_DEPENDENT: "what forward does is data-dependent",
}
"""What hinders, by what PyTorch says."""

REMEDIES = {
    "Constraints violated": {
        r"\bfor\b.+\bin\b": "compute all sequences at once, not one by one",
        r"\blen\((\w+)\)": r"write \1.shape[0], not len(\1)",
        r"\bint\((\w+)\.(?:shape\[0\]|size\(0\))\)": r"write \1.shape[0], without int()",
        r"^$": "write x.shape[0], not len(x) or int(x.shape[0])",
    },
    DATA_DEPENDENT: {
        r"^(?:el)?if\b|^while\b|\bassert\b": "write torch.where(condition, this, that), not if",
        r"\.item\(\)|\.tolist\(\)|(?<!\.)\b(?:float|int|bool)\(": "keep it a tensor, not a number of Python",
    },
}
"""What to write instead, by what PyTorch says and what is in the line; that of no line where none is known."""


def hindrance(model: nn.Module, errors: Sequence[Exception]) -> str:
    """Why a model can not be captured, in a line: what PyTorch says, where, and what to write there.

    Args:
        errors: of the ways in which it was tried.
    """
    if any(isinstance(module, torch.jit.ScriptModule) for module in model.modules()):
        return "it is a TorchScript model, whose code PyTorch does not look into; give its class and its weights"
    kinds = [next((kind for kind in KINDS if kind in str(error)), "") for error in errors]
    told = {kind: _told(error, kind) for kind, error in zip(kinds, errors, strict=True)}  # of a kind the last, by line
    return "; ".join(told.values())


def _told(error: Exception, kind: str) -> str:
    """What an error says, the last line that it went through, and what to write there."""
    text = str(error).strip() or "no message"
    said = KINDS.get(kind, f"{type(error).__name__}: {text.splitlines()[0].rstrip('.')}")
    lines = _user_lines(error)
    code = lines[-1].text if lines else ""
    where = [f"{lines[-1].file}, line {lines[-1].number}: {code}"] if lines else []
    found = ((re.search(pattern, code), remedy) for pattern, remedy in REMEDIES.get(kind, {}).items())
    remedy = next((f" ({match.expand(remedy)})" for match, remedy in found if match), "")
    return "; ".join([said, *where]) + remedy


class _Line(NamedTuple):
    file: str
    number: int
    text: str


def _user_lines(error: Exception) -> list[_Line]:
    """The lines that neither PyTorch nor this package wrote, of those that an error went through or tells of."""
    found = [_Line(f.filename, f.lineno or 0, f.line or "") for f in traceback.extract_tb(error.__traceback__)]
    told = re.findall(r'File "([^"]+)", line (\d+), in .*\n\s*(.+)', str(error))
    found += [_Line(file, int(number), text) for file, number, text in told]
    own = tuple(map(str, (Path(torch.__file__).parent, Path(__file__).parents[2])))
    return [line for line in found if line.text and not line.file.startswith((*own, "<"))]


def _flatten(value: Any) -> list[Any]:
    return [leaf for item in value for leaf in _flatten(item)] if isinstance(value, (list, tuple)) else [value]
