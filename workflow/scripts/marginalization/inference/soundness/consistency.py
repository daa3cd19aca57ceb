"""Whether a model is a function: the same numbers for a sequence, whenever and beside whatever others it is run.

What is no function has no marginal effects: its before and its after differ by themselves.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from typing import Any

import numpy as np
import torch

from ...errors import InputError

Run = Callable[[Sequence[int]], list[torch.Tensor]]
"""From rows of a batch of sequences, of which one may come several times, to a model's outputs for them."""

ROUNDING = 64
"""How many units in the last place of an output's largest number two runs may differ by."""

COARSEST = 1e-3
"""The most that may be in any dtype, as a share of that number."""

BATCH_SIZES = 0.05
"""The same for batches of different sizes, which run by different kernels: rounded in TF32 or bfloat16, too."""

SEEDS = 10
"""How many seeds are tried of a model that draws: of two ways it goes both, but for once in 500 times."""


class Fault(Enum):
    """Why a model is no function: a sentence whose subject is the model."""

    RANDOM = "is random at inference: it gives the same sequences other numbers each time"
    CHANGING = (
        "changes from call to call: it gives the same sequences other numbers each time, with equal random draws too"
    )
    BATCH = "depends on its batch: it gives a sequence other numbers beside others than alone"


class FaultError(InputError):
    """A model is no function.

    Attributes:
        fault: in which way.
        changed: the names of the model's buffers, parameters and attributes that running it changes.
    """

    def __init__(self, fault: Fault, changed: Sequence[str] = ()):
        super().__init__(f"the model {fault.value}{'; running it changes ' if changed else ''}{', '.join(changed)}")
        self.fault, self.changed = fault, changed


def find_fault(run: Run, n: int, together: list[torch.Tensor]) -> Fault | None:
    """Run a model again, and on each sequence alone, and compare.

    Args:
        run: the model.
        n: how many rows there are.
        together: what it gave for all of them.
    """
    if fault := _unsteady(run, range(n), together):
        return fault
    for i in range(n):
        alone, beside = run([i]), [y[i : i + 1] for y in together]
        if not apart(alone, beside):
            continue
        if fault := _unsteady(run, [i], alone):
            return fault
        # Batches of one size run by one kernel, and so are rounded alike.
        alike = [y[:1] for y in run([i] * n)]
        if apart(alike, beside) or apart(alone, beside, BATCH_SIZES):
            return Fault.BATCH
    return None


def _unsteady(run: Run, rows: Sequence[int], before: list[torch.Tensor]) -> Fault | None:
    """The fault of a model that gives the same rows other numbers than before, if it does, or may by other draws."""
    drawn = draws()
    after = run(rows)
    drew = draws() != drawn
    if apart(before, after):
        first, second = (_drawn(run, rows, 0) for _ in range(2))
        return Fault.RANDOM if drew and not apart(first, second) else Fault.CHANGING
    if drew and any(apart(before, _drawn(run, rows, seed)) for seed in range(SEEDS)):
        return Fault.RANDOM
    return None


def _drawn(run: Run, rows: Sequence[int], seed: int) -> list[torch.Tensor]:
    with _drawing(seed):
        return run(rows)


def apart(ys: list[torch.Tensor], others: list[torch.Tensor], share: float | None = None) -> bool:
    """Whether outputs differ by more than rounding, or than a share of their largest number."""
    if [y.shape for y in ys] != [other.shape for other in others]:
        return True
    for y, other in zip(ys, others, strict=True):
        if share is None:
            share_of_y = min(ROUNDING * torch.finfo(y.dtype).eps, COARSEST) if y.is_floating_point() else 0.0
        else:
            share_of_y = share
        y, other = y.double(), other.double()
        largest = torch.cat([y, other]).nan_to_num(0.0, 0.0, 0.0).abs().amax().item() if y.numel() else 0.0
        if not torch.allclose(y, other, rtol=0, atol=share_of_y * largest, equal_nan=True):
            return True
    return False


def draws() -> tuple[Any, ...]:
    """Where the global random generators are: another value once something was drawn."""
    of_devices = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    of_torch = [state.numpy().tobytes() for state in (torch.get_rng_state(), *of_devices)]
    name, of_numpy, *rest = np.random.get_state()
    return (*of_torch, random.getstate(), name, np.asarray(of_numpy).tobytes(), *rest)


@contextlib.contextmanager
def draws_kept() -> Iterator[None]:
    """Give the global random generators back as they were."""
    of_python, of_numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=range(torch.cuda.device_count() if torch.cuda.is_initialized() else 0)):
        try:
            yield
        finally:
            random.setstate(of_python)
            np.random.set_state(of_numpy)


@contextlib.contextmanager
def _drawing(seed: int) -> Iterator[None]:
    """Have the global random generators draw by a seed, and give them back as they were."""
    with draws_kept():
        torch.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed)
        yield
