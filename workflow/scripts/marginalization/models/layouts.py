"""Axes: what those of an output are, and of a model's input."""

from __future__ import annotations

import torch

from ..config.sections import Readout
from ..errors import InputError


def positions_last(y: torch.Tensor, readout: Readout, name: str) -> torch.Tensor:
    """An output, (batch, ...), with its positions as the last axis; as it is where the readout has no layout.

    Raises:
        InputError: the output has other axes than the readout's layout.
    """
    layout = readout.layout
    if layout is None:
        return y
    if y.ndim != len(layout) + 1:
        raise InputError(
            f"config: readouts.{name}.layout: [{', '.join(layout)}] are {len(layout)} axes, but the output is "
            f"{described(y)}; leave it out for an output without positions"
        )
    return y.movedim(1 + layout.index("positions"), -1)


def described(y: torch.Tensor) -> str:
    """A tensor's shape in words: (batch, 896, 5313)."""
    return f"(batch, {', '.join(map(str, y.shape[1:]))})"
