"""Marginalization: a function of background sequences before and after something is substituted into them.

The background pass does not depend on what is substituted, so it is made once for any number of motifs; and since
every (motif, background) pair is a sequence of the same length, batches span motifs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import signature
from typing import Any, NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from ..models.outputs import map_tree, row_count
from ..sequences.constructs import place_motif
from ..sequences.letters import DNA
from ..sequences.onehot import check_one_hot, substitute
from .prediction import BATCH_SIZE, Options, check_rows, predict
from .session import LOOK_AHEAD, session


class Marginals(NamedTuple):
    """What a function gave before and after a substitution: output trees, each of n_backgrounds rows."""

    y_before: Any
    y_after: Any


class AnnotationMarginals(NamedTuple):
    """The same for many annotations: output trees whose tensors are (n_annotations, n_backgrounds, ...)."""

    y_befores: Any
    y_afters: Any


class MotifMarginals(NamedTuple):
    """The same for many motifs: y_before (n_backgrounds, ...), y_afters (n_motifs, n_backgrounds, ...)."""

    y_before: Any
    y_afters: Any


def marginalize(
    model: Callable[..., Any],
    X: torch.Tensor,
    motif: torch.Tensor | str,
    start: int | None = None,
    alphabet: Sequence[str] = tuple(DNA),
    func: Callable[..., Any] = predict,
    additional_func_kwargs: dict[str, Any] | None = None,
    **kwargs: Any,
) -> Marginals:
    """Apply a function to backgrounds before and after substituting a motif into them.

    Same semantics as `tangermeme.marginalize.marginalize` 1.6.0.

    Args:
        model: given to `func` as its first argument.
        X: one-hot backgrounds, shape (n, len(alphabet), length).
        motif: a string, or one-hot of shape (1 or n, len(alphabet), width); with n, motif i goes into background
            i. N (an all-zero column) keeps the background's base.
        start: 0-based position where the motif begins; None centres it at `length // 2 - width // 2`.
        alphabet: the letters, in the order of the rows of `X`.
        func: called as `func(model, X, **kwargs)`, such as `predict` or tangermeme's `deep_lift_shap`.
        additional_func_kwargs: further arguments for `func`, for names that this function takes itself.
        kwargs: further arguments for `func`; a name in both is a TypeError.

    Returns:
        What `func` gives for `X` and for `X` with the motif.

    Raises:
        ValueError: `X` or the motif is empty or no one-hot encoding, the motif is on another device than `X`, holds
            letters outside the alphabet, is longer than the backgrounds, or runs off their ends at `start`.
    """
    _check_devices(X, motif, "motif")
    X_after = substitute(X, motif, start, alphabet)
    additional = additional_func_kwargs or {}
    return Marginals(func(model, X, **kwargs, **additional), func(model, X_after, **kwargs, **additional))


def marginalize_annotations(
    model: Callable[..., Any],
    X: torch.Tensor,
    X0: torch.Tensor,
    annotations: torch.Tensor | np.ndarray | Sequence[Sequence[int]],
    **kwargs: Any,
) -> AnnotationMarginals:
    """Marginalize each annotated stretch of sequence on its own.

    Same semantics as `tangermeme.marginalize.marginalize_annotations` 1.6.0, but an annotation out of its sequence's
    range is an error rather than truncated, and equal annotated sequences are computed once.

    Args:
        model: as for `marginalize`.
        X: the annotated one-hot sequences, shape (n_sequences, len(alphabet), any length).
        X0: the one-hot backgrounds, shape (n_backgrounds, len(alphabet), length).
        annotations: integers, shape (n_annotations, 3): index of the sequence in `X`, start, end (0-based,
            half-open).
        kwargs: as for `marginalize`: `start`, `alphabet`, `func`, `additional_func_kwargs`, arguments of `func`.

    Returns:
        `y_befores` and `y_afters`, each an output tree of tensors (n_annotations, n_backgrounds, ...). When `func`
        is `predict` the background pass is made once, and `y_befores` is a view that repeats it without a copy.

    Raises:
        ValueError: no annotations, one that is out of its sequence's range, or as `marginalize`.
    """
    _check_devices(X0, X, "X")
    motifs, which = _annotated_sequences(X, annotations)
    options = dict(kwargs)
    func = options.pop("func", predict)
    if func is predict:
        additional = for_predict(model, X0, options.pop("additional_func_kwargs", None))
        y_before, y_afters = marginalize_motifs(model, X0, motifs, **options, **additional)
        y_befores = map_tree(lambda y: y.expand(len(which), *y.shape), y_before)
        return AnnotationMarginals(y_befores, map_tree(lambda y: y[which], y_afters))

    results = [marginalize(model, X0, motif, func=func, **options) for motif in motifs]
    return AnnotationMarginals(*(map_tree(lambda *ys: torch.stack(ys)[which], *y) for y in zip(*results, strict=True)))


def marginalize_motifs(
    model: Callable[..., Any],
    X: torch.Tensor,
    motifs: Sequence[torch.Tensor | str],
    start: int | None = None,
    alphabet: Sequence[str] = tuple(DNA),
    args: Sequence[torch.Tensor] | None = None,
    func: Callable[[Any], Any] | None = None,
    batch_size: int = BATCH_SIZE,
    dtype: str | torch.dtype | None = None,
    device: str | torch.device | None = None,
    verbose: bool = False,
    incremental: bool | None = None,
    precision: str = "highest",
) -> MotifMarginals:
    """Predictions for backgrounds before, and after each of many motifs is substituted into them.

    Equal to calling `marginalize` for each motif, with one background pass and batches that span motifs.

    Args:
        model: any model that `predict` takes.
        X: one-hot backgrounds, shape (n_backgrounds, len(alphabet), length).
        motifs: strings or one-hot tensors (1 or n_backgrounds, len(alphabet), width), of any widths.
        start: 0-based position where each motif begins; None centres each.
        alphabet: the letters, in the order of the rows of `X`.
        args, func, batch_size, dtype, device, verbose: as for `predict`.
        incremental: compute only what each motif changes: True or False, or None for where it pays (see
            `stream_motifs`).
        precision: of matrix products in incremental inference (see `stream_motifs`).

    Returns:
        `y_before`, an output tree of tensors (n_backgrounds, ...), and `y_afters` of (n_motifs, n_backgrounds, ...).

    Raises:
        ValueError: no motifs, or as `marginalize` and `predict`.
    """
    options: Options = {"args": args, "func": func, "batch_size": batch_size, "dtype": dtype, "device": device}
    if isinstance(motifs, str):
        raise ValueError(f"motifs must be a list; for the one motif {motifs!r} give [{motifs!r}], or use marginalize")
    if len(motifs) == 0:
        raise ValueError("there are no motifs to marginalize")
    check_one_hot(X, "X", len(alphabet))
    check_rows(X, args)
    for i, motif in enumerate(motifs):
        _check_devices(X, motif, f"motifs[{i}]")
    # All motifs are checked before any is computed.
    placements = [place_motif(X, motif, start, alphabet) for motif in motifs]

    first = placements[:LOOK_AHEAD]
    with session(model, X, first, len(placements), incremental=incremental, precision=precision, **options) as opened:
        y_before = opened.before()
        y_afters = map_tree(lambda y: y.new_empty((len(motifs), *y.shape)), y_before)
        done = 0
        for y in tqdm(opened.after(placements), disable=not verbose, unit="group"):
            done += _fill(y_afters, y, done)
    return MotifMarginals(y_before, y_afters)


def _check_devices(X: torch.Tensor, other: torch.Tensor | str, name: str) -> None:
    """Raise a ValueError when tensors that go together are on two devices."""
    if isinstance(other, torch.Tensor) and isinstance(X, torch.Tensor) and other.device != X.device:
        raise ValueError(f"{name} is on {other.device} and the backgrounds on {X.device}; move them to the same device")


def for_predict(model: Callable[..., Any], X: torch.Tensor, given: dict[str, Any] | None) -> dict[str, Any]:
    """Further arguments that are for `predict`; a name that it does not know is a TypeError."""
    signature(predict).bind(model, X, **(given or {}))
    return given or {}


def checked_annotations(X: torch.Tensor, annotations: Any) -> list[tuple[int, int, int]]:
    """Annotations of the sequences `X`, each as the index of its sequence, start and end; ValueError for a bad one."""
    annotations = np.asarray(annotations)
    if len(annotations) == 0:
        raise ValueError("there are no annotations")
    if annotations.ndim != 2 or annotations.shape[1] != 3 or annotations.dtype.kind not in "iu":
        raise ValueError(
            f"annotations must be integers of shape (n, 3), not {annotations.dtype} of {annotations.shape}"
        )
    if X.ndim != 3:
        raise ValueError(f"X has shape {tuple(X.shape)} but must have shape (n, letters, length)")
    rows = [(int(index), int(start), int(end)) for index, start, end in annotations]
    for i, (index, start, end) in enumerate(rows):
        if not (0 <= index < X.shape[0] and 0 <= start < end <= X.shape[-1]):
            raise ValueError(
                f"annotation {i} (sequence {index}, {start}-{end}) is out of range: X holds {X.shape[0]} sequences "
                f"of length {X.shape[-1]}"
            )
    return rows


def _annotated_sequences(X: torch.Tensor, annotations: Any) -> tuple[list[torch.Tensor], torch.Tensor]:
    """The distinct annotated sequences as one-hot (1, letters, width), and which of them each annotation is."""
    motifs: list[torch.Tensor] = []
    places: dict[bytes, int] = {}
    which = []
    for index, start, end in checked_annotations(X, annotations):
        motif = X[index : index + 1, :, start:end]
        key = motif.to(torch.int8).cpu().numpy().tobytes()
        if key not in places:
            places[key] = len(motifs)
            motifs.append(motif)
        which.append(places[key])
    return motifs, torch.tensor(which)


def _fill(whole: Any, part: Any, first: int) -> int:
    """Write `part` into `whole` from row `first` on; returns its number of rows."""

    def copy(target: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
        target[first : first + source.shape[0]] = source
        return target

    map_tree(copy, whole, part)
    return row_count(part)
