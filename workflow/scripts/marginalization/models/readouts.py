"""Readouts: named functions from a model's outputs to tensors of scalars, (batch, targets).

A model and its readouts make one module, whose output is a dict of tensors: for each readout its scalars under its
name, and for each profile readout also the profile itself, (batch, strands, positions), under `Profile(name)`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal

import torch
from torch import nn

from ..config.checks import Everything
from ..config.sections import Readout
from ..config.targets import tracks_of
from ..errors import InputError
from .factories import import_callable
from .layouts import ChosenTracks, described, positions_last
from .outputs import as_callable

LARGEST_DEFAULT = 1024
"""The largest output, in numbers per sequence, that is taken whole when no readout is given."""

LISTED = 8
"""How many targets a message lists."""

STRANDS = {1: ["total"], 2: ["+", "-"]}

_REDUCTIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "none": lambda y: y,
    "sum": lambda y: y.sum(dim=-1),
    "mean": lambda y: y.mean(dim=-1),
    "max": lambda y: y.amax(dim=-1),
    "logsumexp": lambda y: y.logsumexp(dim=-1),
}


@dataclass(frozen=True)
class Profile:
    """The key of a readout's profile; that of its scalars is its name."""

    readout: str


Key = str | Profile
"""What a tensor that a model with readouts gives is called."""


def readout_of(key: Key) -> str:
    """The name of the readout that a tensor is of."""
    return key.readout if isinstance(key, Profile) else key


class ReadoutModel(nn.Module):
    """A model followed by its readouts.

    Args:
        model: a callable from one-hot sequences (and further inputs) to an output tree.
        readouts: by name.
        average_strands: average each construct's readouts with those of its reverse complement.
    """

    def __init__(self, model: Callable[..., Any], readouts: dict[str, Readout], average_strands: bool = False):
        super().__init__()
        self.model = as_callable(model)
        self.readouts = readouts
        self.average_strands = average_strands
        tracks = {name: tracks_of(readout, name) for name, readout in readouts.items()}
        self.chosen = {name: ChosenTracks(of, readouts[name], name) for name, of in tracks.items() if of.numbers}
        self.buffers_of_tracks = nn.ModuleList(self.chosen.values())  # a ModuleDict's keys may have no dots
        self.functions = {
            name: import_callable(readout.function, f"readouts.{name}.function")
            for name, readout in readouts.items()
            if readout.function
        }

    def forward(self, X: torch.Tensor, *args: torch.Tensor) -> dict[Key, torch.Tensor]:
        # While torch.export captures the model the batch has no size to compare with.
        n = X.shape[0] if isinstance(X.shape[0], int) else None
        y = self._read(self.model(X, *args), n)
        if self.average_strands:
            # With rows A, C, G, T a one-hot encoding flipped both ways is the reverse complement's.
            y_reverse = self._read(self.model(X.flip(1, 2), *args), n, reverse=True)
            y = {key: (value + self._forward_order(key, y_reverse[key])) / 2 for key, value in y.items()}
        return y

    def _read(self, outputs: Any, n: int | None, reverse: bool = False) -> dict[Key, torch.Tensor]:
        """The readouts of a model's outputs for n sequences; `positions` of a reverse complement in forward order."""
        values: dict[Key, torch.Tensor] = {}
        for name, readout in self.readouts.items():
            if readout.function:
                value = self.functions[name](outputs)
                if not isinstance(value, torch.Tensor) or value.ndim != 2:
                    raise InputError(
                        f"config: readouts.{name}: {readout.function} must return a tensor of shape "
                        f"(batch, targets), not {_describe(value)}"
                    )
                check_rows(value, n, f"readouts.{name}: what {readout.function} returned")
                values[name] = value
            elif readout.profile:
                both = [pick(outputs, key, name, n) for key in (readout.profile.logits, readout.profile.counts)]
                profile = expected_profile(positions_last(both[0], readout, name), both[1])
                profile = profile.flip(-1) if reverse else profile
                values[name] = taken(profile, readout.positions, name).sum(dim=-1)
                if readout.profile.keep:
                    values[Profile(name)] = profile
            elif isinstance(readout, Everything):
                values[name] = _everything(outputs, name, n)
            else:
                y = self._taken_tracks(pick(outputs, readout.output, name, n), name, reverse)
                if reverse and (readout.layout or readout.positions != "all"):
                    y = y.flip(-1)
                value = _REDUCTIONS[readout.reduce](taken(y, readout.positions, name))
                values[name] = value.reshape(value.shape[0], -1)
        return values

    def _taken_tracks(self, y: torch.Tensor, name: str, reverse: bool) -> torch.Tensor:
        """The tracks of an output that a readout takes, with the positions as the last axis, if it has any."""
        readout, chosen = self.readouts[name], self.chosen.get(name)
        y = positions_last(y, readout, name)
        if chosen is None:
            return y
        if y.ndim == 2 and (readout.reduce != "none" or readout.positions != "all"):
            raise InputError(
                f"config: readouts.{name}: the output is {described(y)}, tracks without positions; leave out "
                f"`positions` and `reduce`"
            )
        # An order that the config gives is applied to the targets.
        return chosen(y, reverse and not readout.reverse_order)

    def _forward_order(self, key: Key, y: torch.Tensor) -> torch.Tensor:
        """A reverse complement's readout, or its profile, in the order of the targets."""
        name = readout_of(key)
        readout = self.readouts[name]
        if readout.reverse_order:
            check_reverse_order(readout, y.shape[1], name)
            return y[:, list(readout.reverse_order)]
        return y.flip(1) if readout.profile else y


def pick(outputs: Any, output: int | str, name: str, n: int | None = None) -> torch.Tensor:
    """One output of a model for n sequences, with at least one dimension beside the batch.

    Raises:
        InputError: there is no such output (the message lists those there are), or it is no tensor of numbers of n
            rows.
    """
    of_names = isinstance(output, str) and hasattr(outputs, "_asdict")  # of a NamedTuple
    known = outputs_by_key(outputs._asdict() if of_names else outputs, name)
    if output not in known:
        listed = ", ".join(f"{key!r} {_describe(value)}" for key, value in known.items())
        raise InputError(f"config: readouts.{name}: the model has no output {output!r}; it has {listed}")
    y = known[output]
    place = f"readouts.{name}: output {output!r} of the model"
    if not isinstance(y, torch.Tensor):
        raise InputError(f"config: {place} is a {type(y).__name__}, no tensor; take one out of it by a `function`")
    check_rows(y, n, place)
    return y.unsqueeze(-1) if y.ndim == 1 else y


def check_rows(y: torch.Tensor, n: int | None, place: str) -> None:
    """Raise an InputError unless a tensor holds numbers, and a row of them for each of n sequences."""
    if y.is_complex() or y.dtype == torch.bool:
        raise InputError(f"config: {place} is {y.dtype}; a readout takes real numbers")
    if n is None or (y.ndim and y.shape[0] == n):
        return
    hint = ""
    if y.ndim > 1 and n in y.shape[1:]:
        hint = f"; axis {y.shape.index(n)} looks like the batch, which comes first"
    elif n == 1:
        hint = "; a squeeze() without an axis drops a batch of one"
    raise InputError(
        f"config: {place} has shape {tuple(y.shape)} for {n} sequence{'s' if n > 1 else ''}, so there is no row for "
        f"each{hint}"
    )


def taken(y: torch.Tensor, positions: Literal["all"] | int | tuple[int, ...], name: str) -> torch.Tensor:
    """The positions of the last axis that a readout takes: all, a number of central ones, or from start to end."""
    length = y.shape[-1]
    if positions == "all":
        return y
    start, end = ((length - positions) // 2, (length + positions) // 2) if isinstance(positions, int) else positions
    if not 0 <= start < end <= length:
        axes = f"; it is {described(y)}, and where the last axis is not of positions `layout` says so"
        raise InputError(
            f"config: readouts.{name}.positions: {list(positions) if isinstance(positions, tuple) else positions} does "
            f"not lie within the output's {length} positions{axes if y.ndim > 2 else ''}"
        )
    return y[..., start:end]


def expected_profile(logits: torch.Tensor, log_counts: torch.Tensor) -> torch.Tensor:
    """Expected counts at each position, as BPNet and ChromBPNet mean their two outputs.

    softmax(logits) x (exp(log counts) - 1), because both are trained on log(1 + counts). With one count in all, the
    softmax is over strands and positions together (bpnet-lite); with one for each strand, over each strand.

    Args:
        logits: (batch, strands, positions) or (batch, positions).
        log_counts: (batch, 1) or (batch, strands).

    Returns:
        (batch, strands, positions).
    """
    if logits.ndim == 2:
        logits = logits.unsqueeze(1)
    if logits.ndim != 3 or log_counts.ndim != 2 or log_counts.shape[1] not in (1, logits.shape[1]):
        raise InputError(
            f"config: a profile readout needs logits (batch, strands, positions) and log counts (batch, 1 or strands), "
            f"not {_describe(logits)} and {_describe(log_counts)}"
        )
    shares = logits.flatten(1).softmax(dim=-1).unflatten(1, logits.shape[1:])
    if log_counts.shape[1] > 1:
        shares = logits.softmax(dim=-1)
    return shares * log_counts.expm1().unsqueeze(-1)


def target_names(readout: Readout, n: int, name: str) -> list[str]:
    """The names of a readout's n targets: the config's, else strands for a profile, else numbers.

    Raises:
        InputError: there are none, or the config names another number of targets, or gives an order of another length.
    """
    if n == 0:
        raise InputError(f"config: readouts.{name}: there is nothing in it: it has 0 numbers for each sequence")
    tracks = tracks_of(readout, name)
    numbers = tracks.numbers if tracks.numbers and len(tracks.numbers) == n else range(n)
    listed = readout.targets if isinstance(readout.targets, tuple) else ()
    names = list(tracks.names or listed) or (readout.profile and STRANDS.get(n)) or [str(i) for i in numbers]
    if len(names) != n:
        told = ", ".join(names[:LISTED]) + (" ..." if len(names) > LISTED else "")
        raise InputError(
            f"config: readouts.{name}.targets names {len(names)} targets, but the readout has {n}: {told}"
            + ("; reduce the positions of each track" if tracks.names and n % len(names) == 0 else "")
        )
    check_reverse_order(readout, n, name)
    return names


def check_reverse_order(readout: Readout, n: int, name: str) -> None:
    """Raise an InputError unless a readout's reverse_order, if it has one, is an order of its n targets."""
    if readout.reverse_order and sorted(readout.reverse_order) != list(range(n)):
        raise InputError(f"config: readouts.{name}.reverse_order must hold each of 0 to {n - 1} once")


def _everything(outputs: Any, name: str, n: int | None) -> torch.Tensor:
    """Every output flattened, side by side: the default readout."""
    leaves = {key: pick(outputs, key, name, n) for key in outputs_by_key(outputs, name)}
    for key, leaf in leaves.items():
        if leaf[0].numel() > LARGEST_DEFAULT:
            raise InputError(
                f"config: readouts: output {key!r} of the model has {leaf[0].numel()} numbers for each sequence, more "
                f"than the {LARGEST_DEFAULT} that are taken without a readout. Say which scalars to take, such as "
                f"`readouts: {{total: {{output: {key}, reduce: sum}}}}`"
            )
    return torch.cat([leaf.reshape(leaf.shape[0], -1) for leaf in leaves.values()], dim=1)


def outputs_by_key(outputs: Any, name: str) -> dict[int | str, Any]:
    """The outputs that are not None, by their keys, their fields' names, or their places in the model's tuple.

    Raises:
        InputError: there are none, or the model returned something else.
    """
    known: dict[int | str, Any]
    if isinstance(outputs, torch.Tensor):
        return {0: outputs}
    if is_dataclass(outputs):
        known = {field.name: getattr(outputs, field.name) for field in fields(outputs)}
    elif isinstance(outputs, Mapping):
        known = dict(outputs)
    elif isinstance(outputs, (list, tuple)):
        known = dict(enumerate(outputs))
    else:
        kind = f"{type(outputs).__module__}.{type(outputs).__name__}".removeprefix("builtins.")
        raise InputError(
            f"config: readouts.{name}: the model returns a {kind}; it must return a "
            f"tensor, or a list, tuple, dict or dataclass of them"
        )
    known = {key: value for key, value in known.items() if value is not None}
    if not known:
        raise InputError(f"config: readouts.{name}: the model returns an empty {type(outputs).__name__}, no tensors")
    return known


def _describe(value: Any) -> str:
    return described(value) if isinstance(value, torch.Tensor) else type(value).__name__
