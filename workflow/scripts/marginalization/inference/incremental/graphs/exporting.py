"""The ways in which a model is exported."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from ....models.outputs import leaves
from .attention import rows_first
from .hindrances import DATA_DEPENDENT, CaptureError, hindrance
from .scripts import scripts_frozen
from .sizes import of_any_size


class _Leaves(nn.Module):
    """A model of a tuple of inputs that returns the tensors of its output tree alone."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return tuple(leaves(self.model(*inputs)))


@contextlib.contextmanager
def _silenced() -> Iterator[None]:
    """Without what PyTorch prints and logs, hundreds of lines, of what it can not capture: the error tells why."""
    loggers = [logging.getLogger(name) for name in logging.root.manager.loggerDict if name.split(".")[0] == "torch"]
    handlers = {handler for logger in loggers for handler in logger.handlers}
    for handler in handlers:
        handler.addFilter(_nothing)
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        for handler in handlers:
            handler.removeFilter(_nothing)


def _nothing(record: logging.LogRecord) -> bool:
    return False


def exported(model: nn.Module, example: tuple[torch.Tensor, ...], shapes: Any) -> torch.export.ExportedProgram:
    """A model of any number of sequences as a program, which gives the tensors of its output tree.

    It is run once to see what it does; where it fixes the number of sequences, once with each of two; and else its code
    is read line by line.

    Args:
        example: inputs.
        shapes: which of their dimensions are of any size, as `torch.export` has it.

    Raises:
        CaptureError: none of that is possible.
    """
    whole = _Leaves(model)
    ways = (
        lambda: torch.export.export(whole, (example,), dynamic_shapes=shapes),
        lambda: torch.export.export(of_any_size(whole, example), (example,), dynamic_shapes=shapes),
        lambda: torch.export.export(whole, (example,), dynamic_shapes=shapes, strict=True),
    )
    errors: list[Exception] = []
    for way in ways:
        try:
            with scripts_frozen(whole), rows_first(model), _silenced():
                return way()
        except Exception as error:
            errors.append(error)
        if DATA_DEPENDENT in str(errors[0]):
            break
    raise CaptureError(hindrance(model, [errors[0], *errors[2:]])) from errors[0]
