"""Readouts that fit what a model returns, for a new config: found by running it on one sequence."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..config.models import readouts_of_profile
from ..config.sections import Model, Readout
from ..config.sections.keys import read
from ..inference.prediction import predict
from ..models.loading import load_model
from ..models.readouts import ReadoutModel, outputs_by_key
from ..sequences.letters import DNA, named_generator
from ..sequences.onehot import one_hot_encode
from ..statistics.scales import DIFFERENCE
from .layouts import axes_of_positions
from .remedies import Trial

FEW = 50
"""How many numbers an output may have to be taken as it is; of more, a person chooses."""


class Suggested(NamedTuple):
    """A readout for a config, and the shape of its output, without the batch."""

    readout: dict[str, Any]
    shape: tuple[int, ...]


def suggested_readouts(spec: Model, length: int) -> dict[str, Suggested]:
    """Readouts by name: of a profile and its counts those of a BPNet, else one for each output.

    Those of the others are the numbers of a vector, and of anything larger, or of a vector of more than `FEW`, the sum
    over its positions, or what its last axis is of, for each place of the other axes.

    Raises:
        InputError: the model can not be loaded, or returns no tensors.
        Exception: whatever the model itself raises.
    """
    model = load_model(spec, "init")
    X = one_hot_encode(["".join(named_generator(0, "init").choice(list(DNA), length))])
    y = predict(model, X, device="cpu")
    shapes = {key: tuple(of.shape[1:]) for key, of in outputs_by_key(y, "init").items()}
    if profile := _profile_and_counts(shapes):
        readouts = readouts_of_profile(*profile)
        return {name: Suggested(_brief(of), shapes[of.get("output", 0)]) for name, of in readouts.items()}
    found = {
        str(key) if isinstance(key, str) else f"output_{key}": Suggested({"output": key} | _reduced(shape), shape)
        for key, shape in shapes.items()
    }
    typed = {name: read(Readout, of.readout) for name, of in found.items()}
    axes = axes_of_positions(Trial(ReadoutModel(model, typed), X, [], None, "cpu"))
    for name, (readout, shape) in found.items():
        if len(shape) == 2 and axes[name] == 1:
            readout["layout"] = ["positions", "tracks"]
    return found


def _profile_and_counts(shapes: dict[int | str, tuple[int, ...]]) -> tuple[int, int] | None:
    """How many strands and counts the two outputs of a BPNet have, in its order; None for other outputs."""
    if list(shapes) != [0, 1] or len(shapes[0]) not in (1, 2) or len(shapes[1]) != 1:
        return None
    strands, (counts,) = shapes[0][0] if len(shapes[0]) == 2 else 1, shapes[1]
    positions = shapes[0][-1]
    return (strands, counts) if counts in (1, strands) and strands <= 2 < positions else None


def _brief(readout: dict[str, Any]) -> dict[str, Any]:
    """A readout without what a config need not say."""
    return {key: value for key, value in readout.items() if value not in ("all", "none", DIFFERENCE.name)}


def _reduced(shape: tuple[int, ...]) -> dict[str, str]:
    return {"reduce": "sum"} if len(shape) > 1 or (shape and shape[0] > FEW) else {}
