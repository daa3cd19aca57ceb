"""Weights as labs keep them: a state_dict alone, or within a checkpoint, loaded into a model whole or not at all."""

from __future__ import annotations

import logging
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from ..errors import InputError
from ..inputs.model_formats import SAFETENSORS, require_weights
from .state_dicts import Fit, Target, best_fit, dtype_name, same

logger = logging.getLogger(__name__)

DEPTH = 3
"""How many dicts deep a state_dict is looked for in a checkpoint."""

LISTED = 4
"""How many names a message lists."""


class _StandIn:
    """In the place of any object of a checkpoint that is no tensor, made without running that object's own code."""

    def __new__(cls, *args: Any, **kwargs: Any) -> _StandIn:
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any):
        pass

    def __setstate__(self, state: Any) -> None:
        pass


class _DictStandIn(dict):
    """The same for classes that are dicts by their names: PyTorch fills none but its own and Python's plain ones."""

    def __new__(cls, *args: Any, **kwargs: Any) -> dict:  # type: ignore[misc]
        return OrderedDict()


def load_weights(model: Any, path: str, place: str) -> None:
    """Load a file's weights into a model, and log what was done to their names.

    Raises:
        InputError: it is no checkpoint, or nothing in it fits the model exactly; the message names what differs.
    """
    if not isinstance(model, nn.Module):
        raise InputError(f"config: {place}: the factory made a {type(model).__name__}, which takes no weights")
    checkpoint = _read(path, place)
    if not isinstance(checkpoint, dict):
        raise InputError(f"config: {place}: {path} holds {_described(checkpoint)}")
    target = Target(model)
    fits = {keys: best_fit(state, target) for keys, state in _state_dicts(checkpoint)}
    if not fits:
        held = ", ".join(f"{key}: {_described(value)}" for key, value in list(checkpoint.items())[:LISTED])
        raise InputError(f"config: {place}: {path} has no tensors by name, as a state_dict has; it holds {held}")
    _check_one(fits, f"config: {place}: {path}")
    keys, fit = min(fits.items(), key=lambda item: len(item[1].problems))
    refused = InputError(
        f"config: {place}: {path} does not fit what {type(model).__name__} expects; check the factory and its kwargs. "
        f"{_listed(fit.problems)}"
    )
    if fit.wrong_tensors:
        raise refused
    try:
        model.load_state_dict(fit.state)  # where names differ it may have hooks of its own that read them
    except Exception as error:
        raise refused if fit.problems else InputError(f"config: {place}: {path}: {error}") from error
    logger.info("%s: loaded %s%s", place, path, _told(keys, fit, target))


def _check_one(fits: dict[str, Fit], what: str) -> None:
    """An InputError when state_dicts that differ fit alike."""
    first, *others = [keys for keys, fit in fits.items() if not fit.problems] or [""]
    for other in others:
        if not all(same(value, fits[other].state[name]) for name, value in fits[first].state.items()):
            raise InputError(
                f"{what} holds several state_dicts that fit and differ, {first or 'the outermost'} and {other}; save "
                f"the one that you mean in a file of its own"
            )


def _read(path: str, place: str) -> Any:
    kind = require_weights(path, place)
    try:
        if kind is SAFETENSORS:
            from safetensors.torch import load_file

            return load_file(path)
        return _read_tensors(path)
    except pickle.UnpicklingError as error:
        raise InputError(
            f"config: {place}: {path} holds more than tensors, and unpickling it could run any code; where you trust "
            f"it, load it with torch.load(..., weights_only=False), and save its state_dict alone with torch.save"
        ) from error
    except Exception as error:
        message = next(iter(str(error).strip().splitlines()), "")
        raise InputError(
            f"config: {place}: {path} can not be read, so it may be damaged: {type(error).__name__}: {message}"
        ) from error


def _read_tensors(path: str) -> Any:
    """What torch.save wrote, with a stand-in for every object of a class that is not PyTorch's own for weights."""
    stand_ins: list[Any] = []
    if zipfile.is_zipfile(path):
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        stand_ins = [
            (type(name, (_DictStandIn if name.lower().endswith(("dict", ".box")) else _StandIn,), {}), name)
            for name in names
        ]
    # Of a file by its name torch.load reads .safetensors as such, whatever it is.
    with torch.serialization.safe_globals(stand_ins), open(path, "rb") as file:
        return torch.load(file, map_location="cpu", weights_only=True)


def _described(value: Any) -> str:
    if isinstance(value, _StandIn):
        return (
            f"a pickled {type(value).__name__}, no state_dict; save `model.state_dict()`, or, if it is a whole model "
            f"and you trust the file, give it as `file` with `trust_pickle: true`"
        )
    return f"a {type(value).__name__}, no state_dict"


def _state_dicts(value: dict, keys: str = "", depth: int = DEPTH) -> Iterator[tuple[str, dict[str, Any]]]:
    """The dicts of tensors by name in a checkpoint, after the keys that lead to each."""
    named = {key: item for key, item in value.items() if isinstance(key, str)}
    if any(isinstance(item, torch.Tensor) for item in named.values()):
        yield keys, value
    for key, item in named.items():
        if isinstance(item, dict) and depth > 1:
            yield from _state_dicts(item, f"{keys}.{key}" if keys else key, depth - 1)


def _listed(problems: list[str]) -> str:
    more = f" and {len(problems) - LISTED} more" if len(problems) > LISTED else ""
    return "; ".join(problems[:LISTED]) + more


def _told(keys: str, fit: Fit, target: Target) -> str:
    """What was done with a file's state_dict, to follow its name in the log."""
    told = f", of it {keys}" if keys else ""
    for source, name in list(fit.renamed.items())[:1]:
        told += f", with names such as {source} as {name}"
    if fit.left_out:
        told += f", without {_listed(fit.left_out)}"
    cast = {
        f"{dtype_name(value)} as {dtype_name(target.state[name])}"
        for name, value in fit.state.items()
        if isinstance(value, torch.Tensor) and name in target.state and value.dtype != target.state[name].dtype
    }
    return told + "".join(f", {turned}" for turned in sorted(cast))
