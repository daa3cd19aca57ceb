"""Readouts that fit what a model returns, for a new config: found by running it on one sequence."""

from __future__ import annotations

from typing import Any

from ..config.models import readouts_of_profile
from ..config.sections import Model
from ..inference.prediction import predict
from ..models.loading import load_model
from ..models.readouts import outputs_by_key
from ..sequences.letters import DNA, named_generator
from ..sequences.onehot import one_hot_encode
from ..statistics.scales import DIFFERENCE

Shapes = dict[int | str, tuple[int, ...]]
"""Of a model's outputs without the batch, by their keys."""

FEW = 50
"""How many numbers an output may have to be taken as it is; of more, a person chooses."""


def output_shapes(spec: Model, length: int) -> Shapes:
    """The shapes of what a model returns for one random sequence.

    Raises:
        InputError: the model can not be loaded, or returns no tensors.
        Exception: whatever the model itself raises.
    """
    X = one_hot_encode(["".join(named_generator(0, "init").choice(list(DNA), length))])
    y = predict(load_model(spec, "init"), X, device="cpu")
    return {key: tuple(of.shape[1:]) for key, of in outputs_by_key(y, "init").items()}


def suggested_readouts(shapes: Shapes) -> dict[str, dict[str, Any]]:
    """Readouts for a config: of a profile and its counts those of a BPNet, else one for each output.

    Those of the others are the numbers of a vector, and of anything larger, or of a vector of more than `FEW`, the sum
    over its last axis for each place of those before it.
    """
    if profile := _profile_and_counts(shapes):
        return {name: _brief(readout) for name, readout in readouts_of_profile(*profile).items()}
    return {
        str(key) if isinstance(key, str) else f"output_{key}": {"output": key} | _reduced(shape)
        for key, shape in shapes.items()
    }


def _profile_and_counts(shapes: Shapes) -> tuple[int, int] | None:
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
