"""Models captured as graphs of operations, by `torch.export`."""

from __future__ import annotations

import contextlib
import io
import re
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import nn
from torch.fx import Node

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
            with contextlib.redirect_stderr(io.StringIO()):  # where PyTorch prints the graph of what it can not capture
                return torch.export.export(_Leaves(model), (example,), dynamic_shapes=shapes, strict=strict)
        except Exception as error:
            errors.append(error)
        if DATA_DEPENDENT in str(errors[0]):
            break
    raise CaptureError(hindrance(model, errors)) from errors[0]


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
