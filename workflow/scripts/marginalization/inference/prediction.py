"""Batched inference on any callable that maps one-hot sequences to tensors."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, TypedDict

import numpy as np
import torch
from tqdm import tqdm

from ..models.outputs import as_callable, leaves, map_tree
from .soundness.consistency import FaultError
from .soundness.state import State

logger = logging.getLogger(__name__)

BATCH_SIZE = 64

CPU_POSITIONS = 2**13
"""About how many positions of sequences run at once on a CPU, for the same reason as `engine.FULL_BYTES`, where nothing
is known of the model."""


class Options(TypedDict, total=False):
    """How a model is run: arguments of `predict` that other functions hand on to it."""

    args: Sequence[torch.Tensor] | None
    func: Callable[[Any], Any] | None
    batch_size: int
    dtype: str | torch.dtype | None
    device: str | torch.device | None


def predict(
    model: Callable[..., Any],
    X: torch.Tensor,
    args: Sequence[torch.Tensor] | None = None,
    func: Callable[[Any], Any] | None = None,
    batch_size: int = BATCH_SIZE,
    dtype: str | torch.dtype | None = None,
    device: str | torch.device | None = None,
    verbose: bool = False,
) -> Any:
    """Apply a model to sequences in batches, without gradients and in evaluation mode.

    Args:
        model: an nn.Module, a TorchScript module, a `torch.export` program or its module, or any callable.
        X: one-hot sequences, shape (n, letters, length), any dtype; each batch is cast on the device.
        args: further inputs of the model, each of n rows; row i goes along with sequence i and keeps its dtype.
        func: applied to the model's output of each batch, on the device.
        batch_size: sequences in a batch; on a CPU at most, as larger ones leave its cache (`CPU_POSITIONS`).
        dtype: of the sequences given to the model; bfloat16 and float16 also turn on autocast. By default that of
            the model's first floating-point parameter, or float32 when it has none.
        device: where to run; by default CUDA when there is one. The model's own device and the training mode of
            each of its modules are restored afterwards, also after an error.
        verbose: show a progress bar.

    Returns:
        The output tree of the model, its tensors on the CPU with n rows each.

    Raises:
        ValueError: no sequences, an arg with another number of rows, or an output that is no tree of tensors, or has
            no row for each sequence.
        FaultError: a ValueError: the model is seen to be no function. It draws at random, or normalizes by its batch,
            or running it changes its buffers or attributes, and with them its output; these are then as before.
    """
    n = check_rows(X, args)
    batches = (
        (X[i : i + batch_size], [arg[i : i + batch_size] for arg in args or ()]) for i in range(0, n, batch_size)
    )
    with tqdm(total=n, disable=not verbose, unit="sequence") as progress:
        outputs = []
        for y in predict_batches(model, batches, func=func, dtype=dtype, device=device):
            outputs.append(y)
            progress.update(min(batch_size, n - progress.n))
    return map_tree(lambda *ys: torch.cat(ys), *outputs)


def predict_batches(
    model: Callable[..., Any],
    batches: Iterable[tuple[torch.Tensor, Sequence[torch.Tensor]]],
    func: Callable[[Any], Any] | None = None,
    dtype: str | torch.dtype | None = None,
    device: str | torch.device | None = None,
) -> Iterator[Any]:
    """Yield the output tree, on the CPU, for each batch (X, args); the arguments are those of `predict`.

    A batch for which the device's memory does not suffice runs in halves, and so do those after it.
    """
    device, model = resolve_device(device), as_callable(model)
    dtype = as_dtype(dtype, model)
    half = dtype in (torch.bfloat16, torch.float16)
    most = None

    def run(X: torch.Tensor, args: Sequence[torch.Tensor]) -> Any:
        nonlocal most
        if most is None and device.type == "cpu":
            most = most_on_cpu(X)
        if most is not None and len(X) > most:
            size = of_like_sizes(len(X), most)
            parts = [slice(i, i + size) for i in range(0, len(X), size)]
            return map_tree(lambda *ts: torch.cat(ts), *(run(X[part], [arg[part] for arg in args]) for part in parts))
        try:
            # Not around the loop: what is set there would hold for the caller between two batches too.
            with torch.no_grad(), torch.autocast(device.type, dtype, enabled=half):
                y = model(_copy(X, device, dtype), *(_copy(arg, device, arg.dtype) for arg in args))
                return map_tree(lambda t: with_rows(t, len(X)).cpu(), y if func is None else func(y))
        except torch.OutOfMemoryError:
            if len(X) == 1:
                raise
            most = -(-len(X) // 2)
            logger.warning("out of memory with a batch of %d sequences: going on with %d", len(X), most)
        return run(X, args)

    def some(X: torch.Tensor, args: Sequence[torch.Tensor], rows: Sequence[int]) -> list[torch.Tensor]:
        return leaves(run(X[rows], [arg[rows] for arg in args]))

    with evaluating(model, device) as state:
        for X, args in batches:
            y = run(X, args)
            state.check(partial(some, X, args), len(X))
            yield y


@contextlib.contextmanager
def evaluating(model: Callable[..., Any], device: torch.device) -> Iterator[State]:
    """Hold a model on `device` in evaluation mode, and give it back as it was: its mode and its device.

    Yields:
        The model's state, with which to check what runs of the model do to it. If one shows that the model is no
        function, its buffers come back as they were too.
    """
    if not isinstance(model, torch.nn.Module):
        yield State(model)
        return
    home = next((tensor.device for tensor in _tensors(model)), device)
    modes = {module: module.training for module in model.modules()}
    try:
        if home != device:
            model.to(device)
        # Modules unlifted from a torch.export program are frozen in the mode they were exported in, and say so.
        with contextlib.suppress(NotImplementedError):
            model.eval()
        state = State(model)
        try:
            yield state
        except FaultError:
            state.put_back()
            raise
    finally:
        for module, training in modes.items():
            if type(module).train is not torch.nn.Module.train:  # which may do more, such as merge weights
                with contextlib.suppress(NotImplementedError):
                    module.train(training)
        for module, training in modes.items():
            module.training = training
        if home != device:
            model.to(home)


def resolve_device(device: str | torch.device | None) -> torch.device:
    """The device asked for, or CUDA when there is one, or the CPU."""
    return torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))


def as_dtype(dtype: str | torch.dtype | None, model: Callable[..., Any]) -> torch.dtype:
    """The dtype asked for, or that of a model's first floating-point parameter or buffer, or float32."""
    if dtype is not None:
        return getattr(torch, dtype) if isinstance(dtype, str) else dtype
    tensors = _tensors(model) if isinstance(model, torch.nn.Module) else ()
    return next((tensor.dtype for tensor in tensors if tensor.is_floating_point()), torch.float32)


def check_rows(X: torch.Tensor, args: Sequence[torch.Tensor] | None) -> int:
    """The number of sequences in `X`.

    Raises:
        ValueError: there are none, an arg has another number of rows, or the args are no list.
    """
    if X.shape[0] == 0:
        raise ValueError("X holds no sequences; give at least one example")
    if isinstance(args, (torch.Tensor, np.ndarray)):
        raise ValueError(f"args is one tensor, of shape {tuple(args.shape)}; give a list of the further inputs: [args]")
    for i, arg in enumerate(args or ()):
        if arg.shape[0] != X.shape[0]:
            raise ValueError(f"args[{i}] has {arg.shape[0]} rows but X has {X.shape[0]}; give one row for each")
    return X.shape[0]


def most_on_cpu(X: torch.Tensor) -> int:
    """How many sequences run at once on a CPU at the most."""
    return max(1, CPU_POSITIONS // X.shape[-1])


def of_like_sizes(n: int, most: int) -> int:
    """How many of n rows to run at once, at most so many: in parts of like sizes, as few rows cost more each."""
    return -(-n // -(-n // most))


def _copy(x: torch.Tensor, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    """A tensor on a device, cast there, with memory of its own: models write over their inputs."""
    moved = x.to(device).to(dtype)
    return moved.clone() if moved is x else moved


def with_rows(y: torch.Tensor, n: int) -> torch.Tensor:
    """An output; a ValueError where it has no row for each of n sequences."""
    if y.ndim == 0 or y.shape[0] != n:
        raise ValueError(f"an output has shape {tuple(y.shape)} for {n} sequences: it must have a row for each")
    return y


def _tensors(model: torch.nn.Module) -> Iterator[torch.Tensor]:
    yield from model.parameters()
    yield from model.buffers()
