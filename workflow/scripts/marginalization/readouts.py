"""Readouts: named functions from a model's outputs to tensors of scalars, (batch, targets).

A model and its readouts make one module, whose output is a dict of tensors: for each readout its scalars under its
name, and for each profile readout also the profile itself, (batch, strands, positions), under its name and `/profile`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from .errors import InputError
from .factories import import_callable

LARGEST_DEFAULT = 1024
"""The largest output, in numbers per sequence, that is taken whole when no readout is given."""

PROFILE = "/profile"
STRANDS = {1: ["total"], 2: ["+", "-"]}

_REDUCTIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "none": lambda y: y,
    "sum": lambda y: y.sum(dim=-1),
    "mean": lambda y: y.mean(dim=-1),
    "max": lambda y: y.amax(dim=-1),
    "logsumexp": lambda y: y.logsumexp(dim=-1),
}


class ReadoutModel(nn.Module):
    """A model followed by its readouts.

    Args:
        model: a callable from one-hot sequences (and further inputs) to an output tree.
        readouts: sections of the config by name.
        average_strands: average each construct's readouts with those of its reverse complement.
    """

    def __init__(self, model: Callable[..., Any], readouts: dict[str, dict[str, Any]], average_strands: bool = False):
        super().__init__()
        self.model = model
        self.readouts = readouts
        self.average_strands = average_strands
        self.functions = {
            name: import_callable(readout["function"], f"readouts.{name}.function")
            for name, readout in readouts.items()
            if "function" in readout
        }

    def forward(self, X: torch.Tensor, *args: torch.Tensor) -> dict[str, torch.Tensor]:
        y = self._read(self.model(X, *args))
        if self.average_strands:
            # With rows A, C, G, T a one-hot encoding flipped both ways is the reverse complement's.
            y_reverse = self._read(self.model(X.flip(1, 2), *args), reverse=True)
            y = {key: (value + self._forward_order(key, y_reverse[key])) / 2 for key, value in y.items()}
        return y

    def _read(self, outputs: Any, reverse: bool = False) -> dict[str, torch.Tensor]:
        """The readouts of a model's outputs; `positions` of a reverse complement are taken in forward order."""
        values = {}
        for name, readout in self.readouts.items():
            if "function" in readout:
                value = self.functions[name](outputs)
                if not isinstance(value, torch.Tensor) or value.ndim != 2:
                    raise InputError(
                        f"config: readouts.{name}: {readout['function']} must return a tensor of shape "
                        f"(batch, targets), not {_describe(value)}"
                    )
                values[name] = value
            elif "profile" in readout:
                profile = expected_profile(
                    pick(outputs, readout["profile"]["logits"], name), pick(outputs, readout["profile"]["counts"], name)
                )
                profile = profile.flip(-1) if reverse else profile
                values[name] = window(profile, readout["positions"], name).sum(dim=-1)
                if readout["profile"]["keep"]:
                    values[name + PROFILE] = profile
            elif not readout:
                values[name] = _everything(outputs, name)
            else:
                y = pick(outputs, readout["output"], name)
                if reverse and readout["positions"] != "all":
                    y = y.flip(-1)
                value = _REDUCTIONS[readout["reduce"]](window(y, readout["positions"], name))
                values[name] = value.reshape(value.shape[0], -1)
        return values

    def _forward_order(self, key: str, y: torch.Tensor) -> torch.Tensor:
        """A reverse complement's readout, or its profile, in the order of the targets."""
        name = key.removesuffix(PROFILE)
        readout = self.readouts[name]
        if "reverse_order" in readout:
            check_reverse_order(readout, y.shape[1], name)
            return y[:, readout["reverse_order"]]
        return y.flip(1) if "profile" in readout else y


def pick(outputs: Any, output: int | str, name: str) -> torch.Tensor:
    """One output of a model, with at least one dimension beside the batch.

    Raises:
        InputError: there is no such output; the message lists those there are.
    """
    known = _known(outputs)
    if output not in known:
        listed = ", ".join(f"{key!r} {_describe(value)}" for key, value in known.items())
        raise InputError(f"config: readouts.{name}: the model has no output {output!r}; it has {listed}")
    y = known[output]
    return y.unsqueeze(-1) if y.ndim == 1 else y


def window(y: torch.Tensor, positions: str | int | list[int], name: str) -> torch.Tensor:
    """The positions of the last axis that a readout takes: all, a number of central ones, or from start to end."""
    length = y.shape[-1]
    if positions == "all":
        return y
    start, end = positions if isinstance(positions, list) else ((length - positions) // 2, (length + positions) // 2)
    if not 0 <= start < end <= length:
        raise InputError(
            f"config: readouts.{name}.positions: {positions} does not lie within the output's {length} positions"
        )
    return y[..., start:end]


def expected_profile(logits: torch.Tensor, log_counts: torch.Tensor) -> torch.Tensor:
    """Expected counts at each position, as BPNet and ChromBPNet mean their two heads.

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


def target_names(readout: dict[str, Any], n: int, name: str) -> list[str]:
    """The names of a readout's n targets: the config's, else strands for a profile, else numbers.

    Raises:
        InputError: the config names another number of targets, or gives an order of another length.
    """
    names = readout.get("targets") or (STRANDS.get(n) if "profile" in readout else None) or [str(i) for i in range(n)]
    if len(names) != n:
        raise InputError(
            f"config: readouts.{name}.targets names {len(names)} targets, but the readout has {n}: {', '.join(names)}"
        )
    check_reverse_order(readout, n, name)
    return names


def check_reverse_order(readout: dict[str, Any], n: int, name: str) -> None:
    """Raise an InputError unless a readout's reverse_order, if it has one, is an order of its n targets."""
    if "reverse_order" in readout and sorted(readout["reverse_order"]) != list(range(n)):
        raise InputError(f"config: readouts.{name}.reverse_order must hold each of 0 to {n - 1} once")


def _everything(outputs: Any, name: str) -> torch.Tensor:
    """Every output flattened, side by side: the default readout."""
    leaves = _known(outputs)
    for key, leaf in leaves.items():
        if leaf[0].numel() > LARGEST_DEFAULT:
            raise InputError(
                f"config: readouts: output {key!r} of the model has {leaf[0].numel()} numbers for each sequence, more "
                f"than the {LARGEST_DEFAULT} that are taken without a readout. Say which scalars to take, such as "
                f"`readouts: {{total: {{output: {key}, reduce: sum}}}}`"
            )
    return torch.cat([leaf.reshape(leaf.shape[0], -1) for leaf in leaves.values()], dim=1)


def _known(outputs: Any) -> dict[int | str, torch.Tensor]:
    """The outputs that are not None, by their keys or their places in the model's tuple."""
    if isinstance(outputs, torch.Tensor):
        return {0: outputs}
    items = outputs.items() if isinstance(outputs, dict) else enumerate(outputs)
    return {key: value for key, value in items if value is not None}


def _describe(value: Any) -> str:
    return (
        f"(batch, {', '.join(map(str, value.shape[1:]))})" if isinstance(value, torch.Tensor) else type(value).__name__
    )
