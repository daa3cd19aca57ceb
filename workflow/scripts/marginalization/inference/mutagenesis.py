"""Saturation mutagenesis: predictions for every single-base edit of sequences, each of them a motif of width one."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any, NamedTuple

import torch
from tqdm import tqdm

from ..models.outputs import map_tree, row_count
from ..sequences.onehot import check_one_hot
from .prediction import BATCH_SIZE, Options
from .session import LOOK_AHEAD, session


class Edits(NamedTuple):
    """What a model gives for sequences, (n, ...), and for their edits, (n, letters, positions, ...): output trees."""

    y0: Any
    y_hat: Any


def saturation_mutagenesis(
    model: Callable[..., Any],
    X: torch.Tensor,
    args: Sequence[torch.Tensor] | None = None,
    start: int = 0,
    end: int = -1,
    batch_size: int = BATCH_SIZE,
    target: int | slice | None = None,
    hypothetical: bool = False,
    raw_outputs: bool = False,
    dtype: str | torch.dtype | None = None,
    device: str | torch.device | None = None,
    verbose: bool = False,
    func: Callable[[Any], Any] | None = None,
    incremental: bool | None = None,
) -> torch.Tensor | Edits:
    """The effect of every single-base edit of each sequence.

    Same semantics as `tangermeme.saturation_mutagenesis.saturation_mutagenesis` 1.6.0.

    Args:
        model, args, batch_size, dtype, device, verbose, func: as for `predict`.
        X: one-hot sequences, shape (n, letters, length), of any number of letters.
        start, end: the positions to edit, 0-based and half-open; a negative `end` counts from one past the last.
        target: which of the model's targets to average the effects over; None for all.
        hypothetical: keep the effects of all letters, not only of those that a sequence has.
        raw_outputs: return the predictions themselves.
        incremental: as for `marginalize_motifs`.

    Returns:
        Effects, shape (n, letters, end - start): after minus before, less the mean over the letters of each
        position, averaged over the targets. Unless `hypothetical`, zero but for the sequence's own letters. With
        `raw_outputs`, the predictions as `Edits`.

    Raises:
        ValueError: `X` is empty or no one-hot encoding, there is nothing from `start` to `end`, or the model gives
            several tensors and not `raw_outputs`.
    """
    letters, length = X.shape[1:]
    check_one_hot(X, "X", letters)
    end = length + 1 + end if end < 0 else end
    if not 0 <= start < end <= length:
        raise ValueError(f"there is nothing to edit from {start} to {end} in sequences of length {length}")
    options: Options = {"args": args, "func": func, "batch_size": batch_size, "dtype": dtype, "device": device}
    edited, positions = _edits(X, start, end)
    one_hot = torch.eye(letters + 1, letters, dtype=torch.int8)
    placed = ((one_hot[edit].unsqueeze(2), int(p)) for edit, p in zip(edited, positions, strict=True))
    first = list(islice(placed, LOOK_AHEAD))
    with session(model, X, first, len(edited), incremental=incremental, **options) as opened:
        y0 = opened.before()
        if not raw_outputs and not isinstance(y0, torch.Tensor):
            raise ValueError("the model gives several tensors: set raw_outputs, or choose one with func")
        groups = tqdm(opened.after(itertools.chain(first, placed)), disable=not verbose)
        y_hat = _of_edits(groups, y0, edited, positions - start, (letters, end - start))
    if raw_outputs:
        return Edits(y0, y_hat)
    effects = centred_effects(y0[:, target], y_hat[:, :, :, target])
    effects = effects.flatten(3).mean(dim=3) if effects.ndim > 3 else effects
    return effects if hypothetical else X[:, :, start:end].cpu() * effects


def _of_edits(
    groups: Iterable[Any], y0: Any, edited: torch.Tensor, positions: torch.Tensor, shape: tuple[int, int]
) -> Any:
    """The predictions for all edits, (n, letters, positions, ...); for a sequence's own letters those before, `y0`."""
    copies = shape[0] * shape[1]
    y_hat = map_tree(lambda y: y.repeat_interleave(copies, 0).unflatten(0, (len(y), *shape)), y0)
    done = 0
    for y in groups:
        part = slice(done, done + row_count(y))
        some, sequence = (edited[part] < shape[0]).nonzero(as_tuple=True)
        place = sequence, edited[part][some, sequence], positions[part][some]
        y = map_tree(lambda t, own=(some, sequence): t[own], y)
        map_tree(lambda target, t, place=place: target.index_put_(place, t), y_hat, y)
        done = part.stop
    return y_hat


def centred_effects(y0: torch.Tensor, y_hat: torch.Tensor) -> torch.Tensor:
    """After (n, letters, positions, ...) minus before (n, ...), less the mean over the letters of each position."""
    effects = y_hat - y0[:, None, None]
    effects -= effects.mean(dim=1, keepdim=True)
    return effects


def _edits(X: torch.Tensor, start: int, end: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Edits of all sequences at once: the letter that each gets, shape (edits, n), and at which position.

    There is one edit for each letter that any sequence does not have at the position; the number of letters stands
    for none, in the others.
    """
    letters = X.shape[1]
    missing = X[:, :, start:end].cpu() == 0
    # The letters that a sequence lacks come first, in their order.
    order = torch.argsort((~missing).to(torch.int8), dim=1, stable=True)
    edits = torch.where(missing.gather(1, order), order, letters).permute(2, 1, 0)
    some = (edits < letters).any(dim=2)
    return edits[some], torch.arange(start, end).unsqueeze(1).expand_as(some)[some]
