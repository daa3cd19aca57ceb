"""Why a model can not be captured: which line hinders, and what to write there."""

from __future__ import annotations

import re
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn


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
        return "it is a TorchScript model, not all of which PyTorch can follow; give its class and its weights"
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
    own = tuple(map(str, (Path(torch.__file__).parent, Path(__file__).parents[3])))
    return [line for line in found if line.text and not line.file.startswith((*own, "<"))]
