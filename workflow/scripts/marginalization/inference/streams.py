"""Streams of predictions: many substitutions into the same backgrounds, group by group, in bounded memory.

Incremental inference where the model allows it, otherwise full forward passes in batches that span motifs. Both give
the same, and the first is compared with the second before it is relied on.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import torch
from tqdm import tqdm

from ..models.outputs import as_callable, leaves, map_tree, row_count
from ..sequences.constructs import Placement, constructs, place_motif
from ..sequences.letters import DNA
from ..sequences.onehot import check_one_hot
from .consistency import FaultError
from .incremental.streams import incremental_groups
from .prediction import BATCH_SIZE, as_dtype, check_rows, evaluating, predict_batches, resolve_device
from .state import State

logger = logging.getLogger(__name__)

BATCHES_PER_GROUP = 16
"""How many batches' worth of motifs are in memory at a time: enough that the short last batch costs little."""

PAYS_FROM = 10**11
"""Sequences x letters x positions x parameters that pay for capturing: about a convolutional model's operations."""


LOOK_AHEAD = 1024
"""Motifs to look at before choosing how to run them."""


def stream_motifs(
    model: Callable[..., Any],
    X: torch.Tensor,
    placements: Iterable[tuple[torch.Tensor | str, int | None]],
    alphabet: Sequence[str] = tuple(DNA),
    args: Sequence[torch.Tensor] | None = None,
    func: Callable[[Any], Any] | None = None,
    batch_size: int = BATCH_SIZE,
    dtype: str | torch.dtype | None = None,
    device: str | torch.device | None = None,
    verbose: bool = False,
    incremental: bool | None = None,
    precision: str = "highest",
) -> Iterator[Any]:
    """The predictions after each motif, group by group, in memory that does not grow with the number of motifs.

    Args:
        placements: pairs of a motif and where it begins (None centres it), from any iterable, taken as needed.
        model, X, alphabet, args, func, batch_size, dtype, device, verbose: as for `marginalize_motifs`.
        incremental: compute only what each motif changes; None does so where it saves more than the seconds that
            capturing the model takes. A model that can not be captured, or whose first results differ from a full
            forward pass, is run in full, and the log says why.
        precision: of float32 matrix products in incremental inference, as `torch.set_float32_matmul_precision` has
            it: "highest", "high" (TF32), or "medium" (bfloat16). Only differences are multiplied so, so that the
            error is a share of the effect; the backgrounds, and all that runs in full, are as ever.

    Yields:
        For the next few placements, in order, an output tree of tensors (n_in_group, n_backgrounds, ...), on the CPU.

    Raises:
        ValueError: as `marginalize_motifs`, when the placement at fault is reached.
        FaultError: as `predict`.
    """
    check_one_hot(X, "X", len(alphabet))
    check_rows(X, args)
    device, model = resolve_device(device), as_callable(model)
    dtype = as_dtype(dtype, model)
    placed: Iterator[Placement] = (place_motif(X, motif, start, alphabet) for motif, start in placements)
    first = list(islice(placed, LOOK_AHEAD))
    if incremental is None:
        incremental = capturing_pays(model, X, len(first), dtype)
    elif incremental and (reason := _not_capturable(model, dtype)):
        logger.warning("full forward passes: %s", reason, extra={"facts": {"incremental": False, "reason": reason}})
        incremental = False
    placed = itertools.chain(first, placed)
    with tqdm(disable=not verbose, unit="marginal") as progress, evaluating(model, device) as state:
        inputs = [X.to(device), *(arg.to(device) for arg in args or ())]

        def groups() -> Iterator[Any]:
            left: Iterator[Placement] = placed
            if incremental and first and isinstance(model, torch.nn.Module):
                own = [inputs[0].to(dtype), *inputs[1:]]
                _check_state(model, own, func, state)
                left = yield from incremental_groups(model, own, placed, func, batch_size, precision)
            yield from _full(model, inputs, left, func, batch_size, dtype)

        for y in groups():
            progress.update(row_count(y) * len(X))
            yield y


def _check_state(
    model: Callable[..., Any], inputs: list[torch.Tensor], func: Callable[[Any], Any] | None, state: State
) -> None:
    """Run the model once in full, and see what that does to its state: of a captured model nobody sees it."""

    @torch.no_grad()
    def run(rows: Sequence[int]) -> list[torch.Tensor]:
        y = model(*(x[rows] for x in inputs))
        return leaves(y if func is None else func(y))

    try:
        run([0])
        state.check(run, len(inputs[0]))
    except FaultError:
        raise
    except Exception as error:
        logger.info("the state of the model is not looked at: %s", error)  # a full pass fails, or tells


def capturing_pays(
    model: Callable[..., Any], X: torch.Tensor, n_motifs: int, dtype: str | torch.dtype | None = None
) -> bool:
    """Whether capturing a model for incremental inference saves more than the seconds that it takes."""
    reason = _not_capturable(model, as_dtype(dtype, model))
    parameters = model.parameters() if isinstance(model, torch.nn.Module) else ()
    if reason is None and n_motifs * X.numel() * sum(p.numel() for p in parameters) <= PAYS_FROM:
        reason = "there is too little to compute for capturing the model to pay"
    if reason:
        logger.info("full forward passes: %s", reason, extra={"facts": {"incremental": False, "reason": reason}})
    return reason is None


def _not_capturable(model: Callable[..., Any], dtype: torch.dtype) -> str | None:
    """Why there can be no incremental inference, if so."""
    if not isinstance(model, torch.nn.Module):
        return "the model is not a module that PyTorch can capture"
    if dtype not in (torch.float32, torch.float64):
        return f"differences would be lost in {dtype}"
    return None


def _full(
    model: Callable[..., Any],
    inputs: list[torch.Tensor],
    placed: Iterator[Placement],
    func: Callable[[Any], Any] | None,
    batch_size: int,
    dtype: torch.dtype,
) -> Iterator[Any]:
    """Full forward passes."""
    X, *args = inputs
    n = len(X)
    sizes: list[int] = []

    def batches() -> Iterator[tuple[torch.Tensor, list[torch.Tensor]]]:
        while group := list(islice(placed, max(1, batch_size * BATCHES_PER_GROUP // n))):
            sizes.append(len(group))
            for first in range(0, len(group) * n, batch_size):
                last = min(first + batch_size, len(group) * n)
                rows = torch.arange(first, last, device=X.device) % n
                yield constructs(X, group, first, last), [arg[rows] for arg in args]

    parts: list[Any] = []
    in_parts = 0
    for y in predict_batches(model, batches(), func=func, dtype=dtype, device=X.device):
        parts.append(y)
        in_parts += row_count(y)
        if in_parts == sizes[0] * n:
            shape = (sizes.pop(0), n)
            yield map_tree(lambda *ys, shape=shape: torch.cat(ys).unflatten(0, shape), *parts)
            parts, in_parts = [], 0
