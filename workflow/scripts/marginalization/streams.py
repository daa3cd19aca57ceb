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

from .incremental import Incremental
from .onehot import as_motif, check_one_hot, substitute_
from .placement import resolve_start
from .prediction import (
    BATCH_SIZE,
    as_dtype,
    check_rows,
    evaluating,
    map_tree,
    predict_batches,
    resolve_device,
    row_count,
)
from .sequence import DNA

logger = logging.getLogger(__name__)

BATCHES_PER_GROUP = 16
"""How many batches' worth of motifs are in memory at a time: enough that the short last batch costs little."""

GROUP_BYTES = 2**26
"""About how large the outputs of a group may be in incremental inference."""

MOTIFS_PER_GROUP = 1024
"""The most motifs of a group in incremental inference."""

WINDOW_STEPS = (4, 8, 16, 32)
"""Windows begin and end at multiples of one of these, so that motifs of similar widths and places share a program."""

PER_WINDOW = 32
"""How many motifs are to share a window on average: few cost more in steps of a program than in wider windows."""

PAYS_FROM = 10**11
"""Sequences x letters x positions x parameters that pay for capturing: about a convolutional model's operations."""

CACHE_BYTES = {"cpu": 2**31, "cuda": 2**34}
"""How much may be kept of the backgrounds' activations."""

Placement = tuple[torch.Tensor, int]
"""A motif as one-hot, and where in the backgrounds it begins."""


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
) -> Iterator[Any]:
    """The predictions after each motif, group by group, in memory that does not grow with the number of motifs.

    Args:
        placements: pairs of a motif and where it begins (None centres it), from any iterable, taken as needed.
        model, X, alphabet, args, func, batch_size, dtype, device, verbose: as for `marginalize_motifs`.
        incremental: compute only what each motif changes; None does so where it saves more than the seconds that
            capturing the model takes. A model that can not be captured, or whose first results differ from a full
            forward pass, is run in full, and the log says why.

    Yields:
        For the next few placements, in order, an output tree of tensors (n_in_group, n_backgrounds, ...), on the CPU.

    Raises:
        ValueError: as `marginalize_motifs`, when the placement at fault is reached.
    """
    check_one_hot(X, "X", len(alphabet))
    check_rows(X, args)
    device, dtype = resolve_device(device), as_dtype(dtype, model)
    placed = (place_motif(X, motif, start, alphabet) for motif, start in placements)
    first = list(islice(placed, MOTIFS_PER_GROUP))
    if incremental is None:
        incremental = len(first) * X.numel() * _parameter_count(model) > PAYS_FROM
    captured = isinstance(model, torch.nn.Module) and dtype in (torch.float32, torch.float64)
    stream = _incremental if incremental and captured and first else _full
    placed = itertools.chain(first, placed)
    with tqdm(disable=not verbose, unit="marginal") as progress:
        for y in stream(model, X, placed, list(args or ()), func, batch_size, dtype, device):
            progress.update(row_count(y) * len(X))
            yield y


def place_motif(X: torch.Tensor, motif: torch.Tensor | str, start: int | None, alphabet: Sequence[str]) -> Placement:
    """A motif as one-hot, and where in the backgrounds `X` it begins."""
    motif = as_motif(motif, alphabet, X.shape[0])
    return motif, resolve_start(X.shape[-1], motif.shape[-1], start)


def _full(
    model: Callable[..., Any],
    X: torch.Tensor,
    placed: Iterator[Placement],
    args: list[torch.Tensor],
    func: Callable[[Any], Any] | None,
    batch_size: int,
    dtype: torch.dtype,
    device: torch.device,
) -> Iterator[Any]:
    """Full forward passes."""
    n = len(X)
    X = X.to(device)
    sizes: list[int] = []

    def batches() -> Iterator[tuple[torch.Tensor, list[torch.Tensor]]]:
        while group := list(islice(placed, max(1, batch_size * BATCHES_PER_GROUP // n))):
            sizes.append(len(group))
            for first in range(0, len(group) * n, batch_size):
                last = min(first + batch_size, len(group) * n)
                rows = torch.arange(first, last) % n
                yield _constructs(X, group, first, last), [arg[rows] for arg in args]

    parts: list[Any] = []
    in_parts = 0
    for y in predict_batches(model, batches(), func=func, dtype=dtype, device=device):
        parts.append(y)
        in_parts += row_count(y)
        if in_parts == sizes[0] * n:
            shape = (sizes.pop(0), n)
            yield map_tree(lambda *ys, shape=shape: torch.cat(ys).unflatten(0, shape), *parts)
            parts, in_parts = [], 0


def _constructs(X: torch.Tensor, group: list[Placement], first: int, last: int) -> torch.Tensor:
    """Pairs `first` to `last` of (placement, background), backgrounds running fastest, as sequences."""
    n = X.shape[0]
    batch = X[torch.arange(first, last, device=X.device) % n]
    for i in range(first // n, (last - 1) // n + 1):
        begin, end = max(first, i * n), min(last, (i + 1) * n)
        motif, start = group[i]
        if motif.shape[0] > 1:
            motif = motif[begin - i * n : end - i * n]
        substitute_(batch[begin - first : end - first], motif, start)
    return batch


def _incremental(
    model: torch.nn.Module,
    X: torch.Tensor,
    placed: Iterator[Placement],
    args: list[torch.Tensor],
    func: Callable[[Any], Any] | None,
    batch_size: int,
    dtype: torch.dtype,
    device: torch.device,
) -> Iterator[Any]:
    """Incremental inference, after a look at whether it gives what full forward passes do."""
    first = list(islice(placed, 2))
    placed = itertools.chain(first, placed)
    with evaluating(model, device):
        inputs = [X.to(device).to(dtype), *(arg.to(device) for arg in args)]
        with torch.no_grad():
            engine = checked_engine(model, inputs, first, batch_size)
        if engine is not None:
            outputs = sum(leaf[0].numel() for leaf in leaves(engine.tree))
            per_group = max(1, min(MOTIFS_PER_GROUP, GROUP_BYTES // (len(X) * outputs * dtype.itemsize)))
            while group := list(islice(placed, per_group)):
                try:
                    with torch.no_grad():
                        y = run_group(engine, inputs, group, func, batch_size)
                except Exception as error:
                    _warn(error)
                    placed, engine = itertools.chain(group, placed), None
                    break
                yield map_tree(lambda t: t.cpu(), y)
    if engine is None:
        yield from _full(model, X, placed, args, func, batch_size, dtype, device)


def checked_engine(
    model: torch.nn.Module, inputs: list[torch.Tensor], placements: list[Placement], batch_size: int
) -> Incremental | None:
    """The model captured for incremental inference, if it then gives what it gives in full; the log says why not."""
    few = [x[:2] for x in inputs]
    placements = [(motif[:2], start) for motif, start in placements]
    try:
        engine = Incremental(model, few)
        ours = run_group(engine, few, placements, None, batch_size)
    except Exception as error:  # whatever is wrong with it, a full forward pass gives the answer
        _warn(error)
        return None
    before = model(*few)
    for i, placement in enumerate(placements):
        after = model(_constructs(few[0], [placement], 0, len(few[0])), *few[1:])
        for y, reference, background in zip(leaves(ours), leaves(after), leaves(before), strict=True):
            scale = (reference - background).abs().max() + 0.01 * reference.abs().max()
            if not torch.allclose(y[i], reference, rtol=0, atol=1e-3 * scale.item(), equal_nan=True):
                logger.warning(
                    "no incremental inference: its first results differ from a full forward pass by %g",
                    (y[i] - reference).abs().max(),
                )
                return None
    engine.prepared = None
    return engine


def _warn(error: Exception) -> None:
    reason = (str(error).strip() or "no message").splitlines()[0]
    logger.warning(
        "no incremental inference, so each element costs a full forward pass: %s: %s", type(error).__name__, reason
    )


def run_group(
    engine: Incremental,
    inputs: list[torch.Tensor],
    group: list[Placement],
    func: Callable[[Any], Any] | None,
    batch_size: int,
) -> Any:
    """The output tree of a group's motifs, tensors (n_in_group, n_backgrounds, ...), by incremental inference."""
    X = inputs[0]
    members = _windows(group, X.shape[2])
    lo, hi = min(lo for lo, _ in members), max(hi for _, hi in members)

    whole: Any = None
    at_once = CACHE_BYTES[X.device.type] // (engine.floats_per_background(lo, hi) * X.element_size())
    for first in range(0, len(X), max(1, at_once)):
        chunk = slice(first, min(first + max(1, at_once), len(X)))
        engine.prepare([x[chunk] for x in inputs], (chunk.start, chunk.stop), lo, hi, batch_size)
        for window, which in members.items():
            for rows, backgrounds, y in _run_window(engine, X, chunk, window, [group[i] for i in which]):
                y = y if func is None else func(y)
                if whole is None:
                    whole = map_tree(lambda t: t.new_empty((len(group), len(X), *t.shape[1:])), y)
                place = (torch.tensor(which, device=X.device)[rows], backgrounds)
                map_tree(lambda target, part, place=place: target.index_put_(place, part), whole, y)
    return whole


def _windows(group: list[Placement], length: int) -> dict[tuple[int, int], list[int]]:
    """Windows, and which motifs of a group lie in each."""
    for step in WINDOW_STEPS:
        members: dict[tuple[int, int], list[int]] = {}
        for i, (motif, start) in enumerate(group):
            lo, end = start // step * step, start + motif.shape[2]
            members.setdefault((lo, min(length, -(-end // step) * step)), []).append(i)
        if len(group) >= PER_WINDOW * len(members):
            break
    return members


def _run_window(
    engine: Incremental, X: torch.Tensor, chunk: slice, window: tuple[int, int], placements: list[Placement]
) -> Iterator[tuple[torch.Tensor, torch.Tensor, Any]]:
    """The outputs for motifs in one window, batch by batch: which motifs, which backgrounds, and the output tree.

    A batch is all motifs in one background, or one motif in all backgrounds, whichever makes fewer batches.
    """
    lo, hi = window
    n = chunk.stop - chunk.start
    before = X[chunk, :, lo:hi]
    backgrounds = torch.arange(chunk.start, chunk.stop, device=X.device)
    order = torch.arange(len(placements), device=X.device)
    motifs = (_in_window(motif, start, window, X) for motif, start in placements)
    if n <= len(placements):
        whole = torch.stack(torch.broadcast_tensors(*motifs))
        known = whole.sum(dim=2, keepdim=True)
        for i in range(n):
            own = i + chunk.start if whole.shape[1] > 1 else 0
            delta = (whole[:, own] - before[i]) * known[:, own]
            yield order, backgrounds[i].expand(len(order)), engine.after(delta, lo, slice(i, i + 1))
    else:
        for j, motif in enumerate(motifs):
            motif = motif if motif.shape[0] == 1 else motif[backgrounds]
            delta = (motif - before) * motif.sum(dim=1, keepdim=True)
            yield order[j].expand(n), backgrounds, engine.after(delta, lo, slice(0, n))


def _in_window(motif: torch.Tensor, start: int, window: tuple[int, int], X: torch.Tensor) -> torch.Tensor:
    """A motif as one-hot over a window, unknown around it."""
    lo, hi = window
    return torch.nn.functional.pad(motif.to(X), (start - lo, hi - start - motif.shape[2]))


def _parameter_count(model: Any) -> int:
    return sum(p.numel() for p in model.parameters()) if isinstance(model, torch.nn.Module) else 0


def leaves(tree: Any) -> list[torch.Tensor]:
    """The tensors of an output tree."""
    found: list[torch.Tensor] = []
    map_tree(lambda leaf: found.append(leaf) or leaf, tree)
    return found
