"""Which axis of an output is of positions: seen from how the output follows the input, where no readout says it.

A readout counts its positions along one axis. On any other it would add up tracks, and nothing in the numbers would
show it. So where it makes a difference, an output is taken for (batch, tracks, positions) only if the model shows that.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable

import torch

from ..config.sections import Readout
from ..errors import InputError
from ..inference.prediction import predict
from ..models.layouts import described, positions_last
from ..models.readouts import pick, taken
from .remedies import Trial, of_length

logger = logging.getLogger(__name__)

Outputs = dict[str, torch.Tensor]
"""The output that each readout takes its positions from, for one sequence, by the readout's name."""

STRETCHES = (2, 8, 32)
"""Which part of a sequence is changed at either end, from the most to the least."""

UNTOUCHED = 1e-6
"""Of the largest change of an output: what is below it is rounding."""


def check_layouts(trial: Trial, average_strands: bool) -> None:
    """Look at the axes of the outputs that readouts take positions of, and log which a number of positions are.

    Raises:
        InputError: positions are another axis than a readout's layout says, or without one than the last; or no layout
            is given, and it can not be seen which axis they are.
    """
    readouts = {name: readout for name, readout in trial.model.readouts.items() if _has_output(readout)}
    if not readouts:
        return
    y = _outputs(trial, readouts, trial.X[:1])
    chosen = trial.model.chosen
    matter = {name: y[name] for name, readout in readouts.items() if _matters(readout, y[name], name in chosen)}
    axes = _axes_of_positions(trial, {name: readouts[name] for name in matter}, matter)
    for name, output in matter.items():
        _check_axis(axes[name], output, readouts[name], name)
    for name, readout in readouts.items():
        _log_positions(readout, y[name], name)
        turned = readout.layout or readout.profile or readout.reverse_order or readout.positions != "all"
        if average_strands and y[name].ndim > 2 and readout.reduce == "none" and not turned:
            logger.warning(
                "readouts.%s: each number of %s is averaged with the one of the same place for the reverse complement; "
                "where an axis is of positions, which are turned round there, say so by `layout`",
                *(name, described(y[name])),
            )


def axes_of_positions(trial: Trial) -> dict[str, int | None]:
    """The axis of positions of the output that each readout takes, where it shows; of readouts without layouts."""
    readouts = {name: readout for name, readout in trial.model.readouts.items() if _has_output(readout)}
    return _axes_of_positions(trial, readouts, _outputs(trial, readouts, trial.X[:1]))


def _has_output(readout: Readout) -> bool:
    return type(readout) is Readout and not readout.function


def _matters(readout: Readout, y: torch.Tensor, chosen: bool) -> bool:
    """Whether a readout's numbers, of all tracks or of chosen ones, depend on which axis is of positions."""
    taken_apart = chosen or bool(readout.profile) or readout.positions != "all" or readout.reduce != "none"
    return taken_apart and y.ndim > 2


def _check_axis(axis: int | None, y: torch.Tensor, readout: Readout, name: str) -> None:
    """Raise an InputError where positions are seen to be another axis than a readout takes, or it is to be said."""
    said = readout.layout and 1 + readout.layout.index("positions")
    if axis == (said or y.ndim - 1) or (axis is None and said):
        return
    which = f"output {readout.profile.logits if readout.profile else readout.output!r} of the model is {described(y)}"
    if axis is not None:
        layout = ", ".join("positions" if i == axis else "tracks" for i in range(1, y.ndim))
        raise InputError(
            f"config: readouts.{name}: {which}, and its positions are the axis of {y.shape[axis]}; write "
            f"`layout: [{layout}]`"
        )
    if readout.profile and y.shape[1] <= y.shape[2]:
        return  # as profile logits are by their definition
    raise InputError(
        f"config: readouts.{name}: {which}, and which of its axes is of positions does not show; write `layout: "
        f"[positions, tracks]` or `layout: [tracks, positions]`"
    )


def _log_positions(readout: Readout, y: torch.Tensor, name: str) -> None:
    if not isinstance(readout.positions, int):
        return
    n = positions_last(y, readout, name).shape[-1]
    positions = taken(torch.arange(n), readout.positions, name)
    logger.info("readouts.%s: its positions are %d to %d of %d", name, positions[0], positions[-1] + 1, n)


def _outputs(trial: Trial, readouts: dict[str, Readout], X: torch.Tensor) -> Outputs:
    """The outputs for one sequence, on the CPU in float32."""
    keys = {name: readout.profile.logits if readout.profile else readout.output for name, readout in readouts.items()}
    args = [arg[:1] for arg in trial.args]
    outputs = predict(
        trial.model.model,
        X,
        args,
        lambda outputs: {name: pick(outputs, key, name) for name, key in keys.items()},
        dtype=trial.dtype,
        device=trial.device,
    )
    return {name: y.float() for name, y in outputs.items()}


def _axes_of_positions(trial: Trial, readouts: dict[str, Readout], y: Outputs) -> dict[str, int | None]:
    """The axis of positions of each output, where it shows."""
    length = trial.X.shape[2]
    found = {name: _only(axis for axis in range(1, of.ndim) if of.shape[axis] == length) for name, of in y.items()}
    if None in found.values():
        with contextlib.suppress(Exception):  # of a model that takes sequences of one length alone
            halved = _outputs(trial, readouts, of_length(trial.X[:1], length // 2))
            for name, of in y.items():
                same = zip(of.shape, halved[name].shape, strict=True)
                found[name] = found[name] or _only(axis for axis, (a, b) in enumerate(same) if a != b)
    for stretch in STRETCHES:
        # Passes of a large model take minutes, so what the config says is not looked at so closely.
        if all(found[name] or readouts[name].layout for name in y):
            break
        width = max(1, length // stretch)
        left, right = (_outputs(trial, readouts, _changed(trial.X[:1], *at)) for at in ((0, width), (-width, length)))
        for name, of in y.items():
            changes = (left[name] - of).abs(), (right[name] - of).abs()
            found[name] = found[name] or _only(axis for axis in range(1, of.ndim) if _follows(*changes, axis))
    return found


def _only(axes: Iterable[int]) -> int | None:
    """The one of some axes, if it is one."""
    found = list(axes)
    return found[0] if len(found) == 1 else None


def _changed(X: torch.Tensor, start: int, end: int) -> torch.Tensor:
    """Sequences with another letter at each position of a stretch."""
    X = X.clone()
    X[:, :, start:end] = X[:, :, start:end].roll(1, dims=1)
    return X


def _follows(left: torch.Tensor, right: torch.Tensor, axis: int) -> bool:
    """Whether along an axis some places change by the left end of a sequence alone, and others by the right end alone.

    Those of positions do where each looks at a part of the sequence. Tracks look at all of it.
    """
    others = [other for other in range(left.ndim) if other != axis]
    by_left, by_right = (change.amax(dim=others) > UNTOUCHED * change.max() for change in (left, right))
    return bool((by_left & ~by_right).any() and (by_right & ~by_left).any())
