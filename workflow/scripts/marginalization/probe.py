"""A first look at a model, before its shards start: does it load, take the backgrounds, and give the readouts?"""

from __future__ import annotations

from typing import Any

from .config import readouts_of
from .errors import InputError
from .models import load_inputs, load_model
from .onehot import one_hot_encode
from .prediction import predict
from .readouts import PROFILE, ReadoutModel, target_names
from .sequence import DNA, named_generator


def load_readout_model(config: dict[str, Any], name: str) -> ReadoutModel:
    """A model of the config followed by the config's readouts."""
    model = load_model(config["models"][name], name)
    return ReadoutModel(model, readouts_of(config), config["placement"]["average_strands"])


def probe(config: dict[str, Any], name: str, n_backgrounds: int) -> dict[str, Any]:
    """Run a model on a random sequence of the backgrounds' length.

    Returns:
        JSON of `targets` (the names of each readout's, in the model's order), `profile_length` of each profile readout
        that is kept, and `parameters` (their number).

    Raises:
        InputError: the model can not be loaded, does not take the backgrounds, or does not give the readouts.
    """
    model = load_readout_model(config, name)
    args = [arg[:1] for arg in load_inputs(config["models"][name], name, n_backgrounds)]
    letters = named_generator(config["seed"], "probe").choice(list(DNA), config["backgrounds"]["length"])
    X = one_hot_encode("".join(letters))
    # The CPU, unless the config names a device: the GPUs are the shards'.
    device = "cpu" if config["compute"]["device"] == "auto" else config["compute"]["device"]
    try:
        y = predict(model, X, args=args, dtype=config["compute"]["dtype"], device=device)
    except InputError:
        raise
    except Exception as error:
        shapes = ", ".join(str((1, *x.shape[1:])) for x in (X, *args))
        message = str(error).strip().splitlines()[0] if str(error).strip() else ""
        raise InputError(
            f"config: models.{name} fails on inputs of shape {shapes}: {type(error).__name__}: {message}. Set "
            f"backgrounds.length to the length that the model was trained on, and models.{name}.inputs to its further "
            f"inputs"
        ) from error
    readouts = readouts_of(config)
    return {
        "targets": {key: target_names(readouts[key], y[key].shape[1], key) for key in readouts},
        "profile_length": {key.removesuffix(PROFILE): y[key].shape[-1] for key in y if key.endswith(PROFILE)},
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }
