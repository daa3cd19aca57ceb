"""A first look at a model, before its shards start: does it load, take the backgrounds, and give the readouts, and is
it a function of its sequences?"""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from typing import Any

import torch

from ..config.checks import model_callables, model_files, readouts_of
from ..config.dependencies import noted_reads, package_files, relative
from ..config.sections import Config, Readout
from ..errors import InputError
from ..inference.cost import held_for_one
from ..inference.incremental.saving import memory_of
from ..inference.prediction import as_dtype, evaluating
from ..inference.soundness.consistency import FaultError, find_fault
from ..inference.soundness.state import SEQUENCES
from ..models.layouts import LettersLast
from ..models.loading import load_inputs, load_model
from ..models.readouts import Key, Profile, ReadoutModel, readout_of, target_names
from ..sequences.letters import DNA, named_generator
from ..sequences.onehot import one_hot_encode
from ..store.files import sha256
from .layouts import check_layouts
from .remedies import Trial, of_failure, of_fault

logger = logging.getLogger(__name__)

GIB = 2**30

LONG = 2**17
"""Bases from which on two sequences are run rather than three: each takes minutes, and GiB of memory."""


def load_readout_model(config: Config, name: str) -> ReadoutModel:
    """A model of the config followed by the config's readouts."""
    model = load_model(config.models[name], name)
    return ReadoutModel(model, readouts_of(config), config.placement.average_strands)


def probe(config: Config, name: str, n_backgrounds: int, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Run a model on three random sequences of the backgrounds' length, two long ones: together, again, each alone.

    Returns:
        JSON of `targets` (the names of each readout's, in the model's order), `profile_length` of each profile readout
        that is kept, `parameters` (their number), and `reads` (the SHA-256 of each file that the lab's code read or
        imported as the model was loaded, except those that the plan knows of).

    Raises:
        InputError: the model can not be loaded, does not take the backgrounds, does not give the readouts, or is no
            function: random, dependent on its batch, or changing from call to call.
    """
    with noted_reads() as reads:
        model = load_readout_model(config, name)
    kept = [key for key, readout in model.readouts.items() if readout.profile and readout.profile.keep]
    model.readouts = {key: _with_profile(readout) for key, readout in model.readouts.items()}
    n = SEQUENCES if config.length < LONG else 2
    letters = named_generator(config.seed, "probe").choice(list(DNA), (n, config.length))
    X = one_hot_encode(["".join(row) for row in letters])
    rows = torch.arange(n) % n_backgrounds
    args = [arg[rows] for arg in load_inputs(config.models[name], name, n_backgrounds)]
    trial = Trial(model, X, args, config.compute.dtype, device)
    if config.length >= LONG:
        _require_room(trial, f"config: models.{name}")
    y = _examined(trial, f"config: models.{name}")
    check_layouts(trial, config.placement.average_strands)
    _warn(y, name)
    return {
        "targets": {key: target_names(readout, y[key].shape[1], key) for key, readout in model.readouts.items()},
        "profile_length": {key: y[Profile(key)].shape[-1] for key in kept},
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "reads": {path: sha256(path) for path in sorted(set(relative(reads)) - _known_files(config, name))},
    }


def _require_room(trial: Trial, place: str) -> None:
    """Raise an InputError where a device has too little memory for the sequences of a trial, before they are run."""
    X = trial.X.to(as_dtype(trial.dtype, trial.model))
    with evaluating(trial.model, torch.device("cpu")):
        each = held_for_one(trial.model, [X, *trial.args])
    if each is None:
        return
    n, has = len(X), memory_of(torch.device(trial.device))
    weights = sum(weight.numel() * weight.element_size() for weight in trial.model.parameters())
    takes, of_weights, there = (f"{n_bytes / GIB:.1f}" for n_bytes in (each, weights, has))
    told = f"a sequence of {X.shape[2]:,} bases takes {takes} GiB, beside {of_weights} for weights"
    if n * each + weights > has:
        raise InputError(f"{place}: {told}, and {trial.device} has {there}, too little for the {n} that are compared")
    logger.info(told)


def _known_files(config: Config, name: str) -> set[str]:
    """The files that the plan knows a model to be made of."""
    packages = (path for reference in model_callables(config, name) for path in package_files(reference))
    return set(relative(map(os.path.abspath, [*model_files(config, name), *packages])))


def _examined(trial: Trial, place: str) -> dict[Key, torch.Tensor]:
    """What a model gives for the sequences of its trial, if it is a function of them."""
    rows: list[int] = []
    n = len(trial.X)

    def run(chosen: Any) -> dict[Key, torch.Tensor]:
        rows[:] = chosen
        return trial.run(chosen)

    try:
        y = run(range(n))
        run([0])
        if fault := find_fault(lambda chosen: list(run(chosen).values()), n, list(y.values())):
            raise FaultError(fault)
    except FaultError as error:
        # The outer names are those of the modules that hold the model, for its readouts and its input's layout.
        outer = "model.model." if isinstance(trial.model.model, LettersLast) else "model."
        names = [changed.removeprefix(outer) for changed in error.changed]
        changed = f"; running it changes {', '.join(names)}" if names else ""
        raise InputError(f"{place} {error.fault.value}{changed}. {of_fault(error, trial)}".strip()) from error
    except InputError:
        raise
    except Exception as error:
        shapes = ", ".join(str((len(rows), *x.shape[1:])) for x in (trial.X, *trial.args))
        raise InputError(
            f"{place} fails on inputs of shape {shapes}: {type(error).__name__}: {_in_short(error)}. "
            f"{of_failure(error, trial, len(rows), place.removeprefix('config: '))}".strip()
        ) from error
    for key, value in y.items():
        if value.isnan().any():
            count = int(value.isnan().flatten(1).any(dim=1).sum())
            raise InputError(
                f"{place} gives no number (NaN) in readout {readout_of(key)} for {count} of {n} "
                f"random sequences of {trial.X.shape[2]} bases"
            )
    return y


def _in_short(error: Exception) -> str:
    """The line of an error's message that says what is wrong: the first, or of TorchScript's the last."""
    lines = str(error).strip().splitlines() or ["no message"]
    return lines[-1 if "TorchScript interpreter" in lines[0] else 0].rstrip(".")


def _with_profile(readout: Readout) -> Readout:
    """The same readout, its profile kept if it has one."""
    return replace(readout, profile=replace(readout.profile, keep=True)) if readout.profile else readout


def _warn(y: dict[Key, torch.Tensor], name: str) -> None:
    """Log what a model may do by intention, but is more likely a mistake."""
    for key, value in y.items():
        readout = readout_of(key)
        if not isinstance(key, Profile) and torch.equal(value, value[:1].expand_as(value)):
            logger.warning(
                "readouts.%s: models.%s gives the same for %d random sequences: does it have its weights, and does "
                "it read its input?",
                *(readout, name, len(value)),
            )
        if not value.isfinite().all():
            logger.warning(
                "readouts.%s: models.%s is infinite for a random sequence; a shard stops where one of its own is so",
                *(readout, name),
            )
