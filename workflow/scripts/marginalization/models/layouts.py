"""Axes: what those of an output are, and of a model's input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ..config.sections import Readout
from ..config.targets import Tracks
from ..errors import InputError


class LettersLast(nn.Module):
    """A model of sequences (batch, length, 4), as one of (batch, 4, length)."""

    def __init__(self, model: Callable[..., Any]):
        super().__init__()
        self.model = model

    def forward(self, X: torch.Tensor, *args: torch.Tensor) -> Any:
        # In its own memory, as its data were when it was trained: a view that is turned round not all code can reshape.
        return self.model(X.transpose(1, 2).contiguous(), *args)


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


class ChosenTracks(nn.Module):
    """Takes some tracks of an output, (batch, tracks) or (batch, tracks, positions), in the order of their numbers."""

    def __init__(self, tracks: Tracks, readout: Readout, name: str):
        super().__init__()
        self.name, self.tracks, self.layout = name, tracks, readout.layout
        # Made here, because what makes a tensor as it runs can not be captured as it stands.
        for which in ("numbers", "reverse"):
            self.register_buffer(which, torch.tensor(getattr(tracks, which)), persistent=False)

    def forward(self, y: torch.Tensor, reverse: bool) -> torch.Tensor:
        """The tracks of an output, or those that take their places for a reverse complement.

        Raises:
            InputError: the output has other axes, another number of tracks, or too few.
        """
        place, n = f"config: readouts.{self.name}", y.shape[1]
        if y.ndim > 3:
            raise InputError(
                f"{place}: channels are of one axis of tracks, and the output is {described(y)}; take them by a "
                f"`function`"
            )
        has = f"the output has {n}" + (f" beside {y.shape[2]} positions" if y.ndim > 2 else "")
        if y.ndim > 2 and not self.layout:
            has += "; if these are the tracks, write `layout: [positions, tracks]`"
        if self.tracks.total not in (None, n):
            raise InputError(f"{place}.targets names {self.tracks.total} tracks, and {has}")
        numbers = (self.tracks.reverse if reverse else self.tracks.numbers) or ()
        if max(numbers) >= n:
            raise InputError(f"{place}: there is no track {max(numbers)}, counted from 0: {has}")
        first, end = numbers[0], numbers[0] + len(numbers)
        if numbers == tuple(range(first, end)):
            return y[:, first:end]
        return y.index_select(1, self.get_buffer("reverse" if reverse else "numbers"))


def described(y: torch.Tensor) -> str:
    """A tensor's shape in words: (batch, 896, 5313)."""
    return f"(batch, {', '.join(map(str, y.shape[1:]))})"
