"""Streams of predictions: many substitutions into the same backgrounds, group by group, in bounded memory."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import torch
from tqdm import tqdm

from ..models.outputs import row_count
from ..sequences.constructs import Placement, place_motif
from ..sequences.letters import DNA
from ..sequences.onehot import check_one_hot
from .prediction import BATCH_SIZE, Options, check_rows
from .session import LOOK_AHEAD, session


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
        incremental: compute only what each motif changes; None does so where that saves more than capturing the
            model takes, by a count of multiplications (`inference.cost`). A model that can not be captured, or whose
            first results differ from a full forward pass, is run in full, and the log says why. What is captured stays
            with the model for further calls, as long as it is the same.
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
    options: Options = {"args": args, "func": func, "batch_size": batch_size, "dtype": dtype, "device": device}
    placed: Iterator[Placement] = (place_motif(X, motif, start, alphabet) for motif, start in placements)
    first = list(islice(placed, LOOK_AHEAD))
    with (
        tqdm(disable=not verbose, unit="marginal") as progress,
        session(model, X, first, len(first), incremental=incremental, precision=precision, **options) as opened,
    ):
        for y in opened.after(itertools.chain(first, placed)):
            progress.update(row_count(y) * len(X))
            yield y
