"""What would fix a model that the probe refuses: found by trying, so that no remedy is given that does not fit."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from ..inference.prediction import predict
from ..inference.soundness.consistency import Fault, FaultError, find_fault
from ..models.layouts import LettersLast
from ..models.readouts import Key, ReadoutModel
from .modes import CallsInTraining, exported_in_training, wrapped_modules

USUAL_LENGTHS = (200, 249, 500, 600, 1000, 1344, 2000, 2048, 2114)
"""Input lengths of published models."""

LONGEST_TRIED = 20_000
"""The longest sequence to try whether a model takes it, unless the backgrounds are longer."""

LETTERS_LAST = "(batch, length, 4)"
"""The layout that `input_layout` says."""

OTHER_INPUTS = (
    r"flatten user inputs with exported input tree spec",
    r"is missing value for argument",
    r"expected at most \d+ argument",
)
"""What exported programs and TorchScript say of another number of inputs; of other models their signature tells it."""


@dataclasses.dataclass(frozen=True)
class Trial:
    """A model with its readouts, and what to try it on: a few one-hot sequences and rows of its further inputs."""

    model: ReadoutModel
    X: torch.Tensor
    args: list[torch.Tensor]
    dtype: str | None
    device: torch.device | str

    def run(self, rows: Sequence[int]) -> dict[Key, torch.Tensor]:
        """The readouts of some rows, as one batch."""
        rows = list(rows)
        args = [arg[rows] for arg in self.args]
        return predict(self.model, self.X[rows], args=args, batch_size=len(rows), dtype=self.dtype, device=self.device)

    def runs(self, n: int, **other: Any) -> bool:
        """Whether the model, its readouts left aside, takes the first n sequences, or others in their place."""
        trial = dataclasses.replace(self, **other)
        args = [arg[:n] for arg in trial.args]
        model, X = self.model.model, trial.X[:n]
        try:
            predict(model, X, args, lambda y: None, batch_size=n, dtype=trial.dtype, device=trial.device)
        except Exception:
            return False
        return True

    def failing_readouts(self, n: int) -> list[str]:
        """The readouts that fail on what the model returns for the first n sequences, by their names in the config."""
        failing = []
        for key, readout in self.model.readouts.items():
            trial = dataclasses.replace(self, model=ReadoutModel(self.model.model, {key: readout}))
            try:
                trial.run(range(n))
            except Exception:
                failing.append(f"readouts.{key}")
        return failing

    def fault(self) -> Fault | None:
        """In which way the model is no function of the sequences, if it is none."""
        try:
            together = list(self.run(range(len(self.X))).values())
            return find_fault(lambda rows: list(self.run(rows).values()), len(self.X), together)
        except FaultError as error:
            return error.fault


def of_fault(error: FaultError, trial: Trial) -> str:
    """A remedy for a model that is no function."""
    model = trial.model.model
    if (names := _put_in_evaluation(model)) and trial.fault() is None:
        return _evaluation_hint(names)
    if exported_in_training(_own(model)):
        return "It was exported in training mode: call model.eval() before the export, and save it again"
    if error.fault is Fault.BATCH and isinstance(model, nn.Module):
        for name, module in model.named_modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is None:
                return f"{name} is batch normalization without running statistics, so it takes those of the batch"
    if hint := _calls_hint(trial):
        return hint
    if error.fault is Fault.CHANGING and error.changed:
        return "Have it change them in training alone (`if self.training:`)"
    return ""


def of_failure(error: Exception, trial: Trial, n: int, place: str) -> str:
    """A remedy for a model that fails.

    Args:
        error: what it failed with.
        trial: on what.
        n: with how many rows, one or all.
        place: the model's, in the config.
    """
    message, model = str(error), trial.model.model
    if "allocate memory" in message:
        return ""
    if trial.runs(n):
        return f"The model itself runs: {' and '.join(trial.failing_readouts(n))} can not read what it returns"
    if (names := _put_in_evaluation(model)) and trial.runs(n):
        return _evaluation_hint(names)
    if fixed := re.search(r"size\(\)\[0\] (==|>=) (\d+)", message):
        return _export_hint("exactly" if fixed[1] == "==" else "at least", fixed[2], 1 + len(trial.args))
    other = len(trial.X) if n == 1 else 1
    if trial.runs(other):
        return _calls_hint(trial) or f"It runs on {other} of them, and must take any number at a time"
    if _takes_other_inputs(_own(model), message, 1 + len(trial.args)):
        return f"List in {place}.inputs what it takes after the sequence, in its order"
    for layout, X in _layouts(trial.X):
        if trial.runs(n, X=X):
            if layout == LETTERS_LAST and isinstance(model, LettersLast):
                return f"It takes sequences as (batch, 4, length): leave out {place}.input_layout"
            if layout == LETTERS_LAST:
                return f"It takes sequences as {layout}: write `input_layout: [positions, letters]` in {place}"
            return f"It takes sequences as {layout}: have a factory return a model that takes (batch, 4, length)"
    for length in _lengths(message, trial.X.shape[2]):
        if trial.runs(n, X=of_length(trial.X, length)):
            return (
                f"It runs on sequences of {length} bases: set backgrounds.length to the length that the model was "
                f"trained on"
            )
    for dtype in ("float64", "float32"):
        if trial.runs(n, dtype=dtype):
            return f"It runs in {dtype}: set compute.dtype to that"
    if "mat1 and mat2 shapes" in message:
        return "Set backgrounds.length to the length that the model was trained on"
    return ""


def _own(model: Callable[..., Any]) -> Callable[..., Any]:
    """The lab's own model, without what turns its input round."""
    return model.model if isinstance(model, LettersLast) else model


def _evaluation_hint(names: Sequence[str]) -> str:
    return (
        f"It holds {' and '.join(names)} in training mode, where nobody else can reach it: call .eval() on it in the "
        f"factory, or return the module itself"
    )


def _calls_hint(trial: Trial) -> str:
    with CallsInTraining() as calls, contextlib.suppress(Exception):
        trial.run(range(len(trial.X)))
    names = " and ".join(sorted(calls.names))
    return f"It calls {names} in training mode: do so in training alone, by self.training" if names else ""


def _export_hint(which: str, size: str, n_inputs: int) -> str:
    shapes = "".join(['{0: torch.export.Dim("batch", min=1)}, '] * n_inputs).rstrip()
    return (
        f"It was exported for batches of {which} {size}: export it from an example of two sequences with "
        f"dynamic_shapes=({shapes})"
    )


def _put_in_evaluation(model: Callable[..., Any]) -> list[str]:
    """Put the modules that a callable holds out of sight in evaluation mode; gives the names of those that were not."""
    training = [module for module in wrapped_modules(model) if module.training]
    for module in training:
        module.eval()
    return sorted({type(module).__name__ for module in training})


def _takes_other_inputs(model: Callable[..., Any], message: str, n: int) -> bool:
    """Whether a model takes another number of inputs than n."""
    if any(re.search(pattern, message) for pattern in OTHER_INPUTS):
        return True
    try:
        signature = inspect.signature(model.forward if isinstance(model, nn.Module) else model)
    except (TypeError, ValueError):
        return False
    try:
        signature.bind(*[None] * n)
    except TypeError:
        return True
    return False


def _lengths(message: str, length: int) -> list[int]:
    """Lengths of sequences to try: those that the numbers of a message may mean, and the usual ones."""
    named = [int(number) for number in re.findall(r"\d+", message)[:12]]
    if shapes := re.search(r"\((\d+)x(\d+) and (\d+)x(\d+)\)", message):
        named.insert(0, length * int(shapes[3]) // int(shapes[2]))
    candidates = [*named, *(number // 4 for number in named), *USUAL_LENGTHS]
    return [
        other for other in dict.fromkeys(candidates) if 0 < other <= max(LONGEST_TRIED, 4 * length) and other != length
    ]


def of_length(X: torch.Tensor, length: int) -> torch.Tensor:
    """Sequences cut or repeated to a length."""
    return X.repeat(1, 1, -(-length // X.shape[2]))[:, :, :length]


def _layouts(X: torch.Tensor) -> list[tuple[str, torch.Tensor]]:
    """Sequences as other models have them."""
    return [
        (LETTERS_LAST, X.transpose(1, 2).contiguous()),
        ("(batch, 4, 1, length)", X.unsqueeze(2)),
        ("(batch, 4, length, 1)", X.unsqueeze(3)),
        ("(batch, 1, 4, length)", X.unsqueeze(1)),
        ("(batch, 1, length, 4)", X.transpose(1, 2).unsqueeze(1)),
    ]
