"""Ablation: a function of sequences before and after a stretch of each is shuffled, so that it says nothing any more.

Marginalization asks what a stretch does by itself, wherever it is put; ablation whether it is needed where it is.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from inspect import signature
from typing import Any, NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from ..models.outputs import map_tree
from ..sequences.constructs import Placement
from ..sequences.onehot import check_one_hot
from .marginals import checked_annotations, for_predict, marginalize_motifs
from .prediction import BATCH_SIZE, check_rows, predict
from .session import BATCHES_PER_GROUP, session


class Ablation(NamedTuple):
    """What a function gave before, (n_sequences, ...), and after, (n_sequences, n_shuffles, ...): output trees."""

    y_before: Any
    y_after: Any


class AnnotationAblations(NamedTuple):
    """The same of annotations: (n_annotations, 1, ...) and (n_annotations, 1, n_shuffles, ...)."""

    y_befores: Any
    y_afters: Any


def shuffle(
    X: torch.Tensor, start: int, end: int, n: int, random_state: int | np.random.RandomState | None = None
) -> torch.Tensor:
    """Shuffles of the columns from `start` to `end`, each the same in all sequences, as tangermeme 1.6.0 draws them.

    Args:
        X: one-hot sequences, shape (n_sequences, letters, length).
        start, end: 0-based, half-open.
        n: how many shuffles.
        random_state: a seed, or a generator to go on with; None takes one that differs from call to call.

    Returns:
        Shape (n_sequences, n, letters, length).
    """
    generator = random_state
    if not isinstance(generator, np.random.RandomState):
        generator = np.random.RandomState(generator)
    shuffled = X.unsqueeze(1).repeat(1, n, 1, 1)
    for i in range(n):
        order = np.arange(end - start)
        generator.shuffle(order)
        shuffled[:, i, :, start:end] = X[:, :, start:end][:, :, torch.from_numpy(order).to(X.device)]
    return shuffled


def ablate(
    model: Callable[..., Any],
    X: torch.Tensor,
    start: int,
    end: int,
    n: int = 20,
    shuffle_fn: Callable[..., torch.Tensor] = shuffle,
    args: Sequence[torch.Tensor] | None = None,
    random_state: int | np.random.RandomState | None = None,
    func: Callable[..., Any] = predict,
    additional_func_kwargs: dict[str, Any] | None = None,
    **kwargs: Any,
) -> Ablation:
    """Apply a function to sequences before and after shuffling a stretch of each.

    Same semantics as `tangermeme.ablate.ablate` 1.6.0, but that a stretch which leaves the sequences is an error
    whatever shuffles it. When `func` is `predict`, only what the shuffles change is computed where that pays.

    Args:
        model: given to `func` as its first argument.
        X: one-hot sequences, shape (n_sequences, letters, length).
        start, end: the stretch, 0-based and half-open.
        n: how many shuffles.
        shuffle_fn: called as `shuffle_fn(X, start=, end=, n=, random_state=)`, and gives (n_sequences, n, letters,
            length); such as `shuffle`, or tangermeme's `dinucleotide_shuffle`.
        args: the model's further inputs, a row for each of `X`.
        random_state: for `shuffle_fn`, and for `func` where that takes one and is not given another.
        func: called as `func(model, X, args=args, **kwargs)`.
        additional_func_kwargs: further arguments for `func`, for names that this function takes itself.
        kwargs: further arguments for `func`, or for `marginalize_motifs` when it is `predict`.

    Returns:
        What `func` gives for `X`, and for each sequence's shuffles.

    Raises:
        ValueError: `X` is empty or no one-hot encoding, `args` have other rows, the stretch is not within it, or `n` is
            under 1.
    """
    if n < 1:
        raise ValueError(f"n is {n}; a stretch is replaced by one shuffle or more")
    check_one_hot(X, "X", X.shape[1])
    check_rows(X, args)
    checked_annotations(X, [(0, start, end)])
    given = dict(additional_func_kwargs or {})
    if "random_state" in signature(func).parameters:
        given.setdefault("random_state", random_state)
    shuffled = shuffle_fn(X, start=start, end=end, n=n, random_state=random_state)
    if func is predict:
        for_predict(model, X, given)
        if replaced(X, shuffled, start, end):
            motifs = list(shuffled[..., start:end].transpose(0, 1))
            alphabet = [str(letter) for letter in range(X.shape[1])]
            options = {"start": start, "alphabet": alphabet, "args": args, **kwargs, **given}
            y_before, y_after = marginalize_motifs(model, X, motifs, **options)
            return Ablation(y_before, map_tree(lambda y: y.transpose(0, 1), y_after))
        kwargs = _known_to_predict(kwargs)
    copies = None if args is None else [arg.repeat_interleave(n, dim=0) for arg in args]
    y_before = func(model, X, args=args, **kwargs, **given)
    y_after = func(model, shuffled.flatten(0, 1), args=copies, **kwargs, **given)
    return Ablation(y_before, map_tree(lambda y: y.unflatten(0, (len(X), n)), y_after))


def ablate_annotations(
    model: Callable[..., Any],
    X: torch.Tensor,
    annotations: torch.Tensor | np.ndarray | Sequence[Sequence[int]],
    **kwargs: Any,
) -> AnnotationAblations:
    """Ablate each annotated stretch of sequence on its own, where it is.

    Same semantics as `tangermeme.ablate.ablate_annotations` 1.6.0, but that `args` have a row for each of `X`, and each
    annotation gets that of its sequence.

    Args:
        model: as for `ablate`.
        X: the annotated one-hot sequences, shape (n_sequences, letters, length).
        annotations: integers, shape (n_annotations, 3): index of the sequence in `X`, start, end (0-based, half-open).
        kwargs: as for `ablate`: `n`, `shuffle_fn`, `args`, `random_state`, `func`, `additional_func_kwargs`, arguments
            of `func`.

    Returns:
        `y_befores` and `y_afters`, output trees of tensors (n_annotations, 1, ...) and (n_annotations, 1, n, ...).

    Raises:
        ValueError: no annotations, one that is out of its sequence's range, or as `ablate`.
    """
    options = dict(kwargs)
    args = options.pop("args", None)
    check_one_hot(X, "X", X.shape[1])
    check_rows(X, args)
    rows = checked_annotations(X, annotations)
    if options.get("func", predict) is predict:
        options.pop("func", None)
        additional = for_predict(model, X, options.pop("additional_func_kwargs", None))
        results = list(_predicted(model, X, rows, args, **options, **additional))
    else:
        own = [(*_own(X, args, index), start, end) for index, start, end in rows]
        results = [ablate(model, one, start, end, args=of_it, **options) for one, of_it, start, end in own]
    return AnnotationAblations(*(map_tree(lambda *ys: torch.stack(ys), *y) for y in zip(*results, strict=True)))


def _predicted(
    model: Callable[..., Any],
    X: torch.Tensor,
    rows: Sequence[tuple[int, int, int]],
    args: Sequence[torch.Tensor] | None,
    n: int = 20,
    shuffle_fn: Callable[..., torch.Tensor] = shuffle,
    random_state: int | np.random.RandomState | None = None,
    verbose: bool = False,
    **options: Any,
) -> Iterator[Ablation]:
    """The predictions for each of some annotations, by one session of the model, which goes from sequence to sequence.

    The other arguments are as for `ablate_annotations` and `session`.
    """
    alike = _known_to_predict(options)

    def drawn() -> Iterator[_Drawn]:
        for index, start, end in tqdm(rows, disable=not verbose, unit="annotation"):
            one, own = _own(X, args, index)
            shuffled = shuffle_fn(one, start=start, end=end, n=n, random_state=random_state)
            motifs = shuffled[0, ..., start:end] if replaced(one, shuffled, start, end) else ()
            yield _Drawn(index, one, own, shuffled, [(motif.unsqueeze(0), start) for motif in motifs])

    drawings = drawn()
    first = next(drawings)
    at, y_before = None, None
    with session(model, first.one, first.placed, n * len(rows), first.own, **options) as opened:
        remaining = itertools.chain([first], drawings)
        while opened.engine is not None and (own := next(remaining, None)):
            if not own.placed:
                yield from _in_full(model, [own], alike)
                continue
            if own.sequence != at:
                opened.onto(own.one, own.own, own.placed)
                at, y_before = own.sequence, opened.before()
            yield Ablation(y_before, map_tree(lambda *ys: torch.cat(ys).transpose(0, 1), *opened.after(own.placed)))
        at_once = max(1, options.get("batch_size", BATCH_SIZE) * BATCHES_PER_GROUP // n)
        while group := list(itertools.islice(remaining, at_once)):
            yield from _in_full(model, group, alike)


class _Drawn(NamedTuple):
    """An annotation's sequence and the model's further inputs for it, its shuffles (1, n, letters, length), and these
    as placements, if they are substitutions of letters alone."""

    sequence: int
    one: torch.Tensor
    own: list[torch.Tensor] | None
    shuffled: torch.Tensor
    placed: list[Placement]


def _in_full(model: Callable[..., Any], group: Sequence[_Drawn], alike: dict[str, Any]) -> Iterator[Ablation]:
    """The predictions for some annotations by full forward passes, in batches that span them."""
    n = group[0].shuffled.shape[1]
    args = None if group[0].own is None else list(map(torch.cat, zip(*(drawn.own for drawn in group), strict=True)))
    copies = None if args is None else [arg.repeat_interleave(n, dim=0) for arg in args]
    y_before = predict(model, torch.cat([drawn.one for drawn in group]), args, **alike)
    y_after = predict(model, torch.cat([drawn.shuffled[0] for drawn in group]), copies, **alike)
    for i in range(len(group)):
        before, after = slice(i, i + 1), slice(i * n, (i + 1) * n)
        one = map_tree(lambda y, rows=before: y[rows], y_before)
        yield Ablation(one, map_tree(lambda y, rows=after: y[rows].unsqueeze(0), y_after))


def _known_to_predict(options: dict[str, Any]) -> dict[str, Any]:
    """Of options for a session those that a full forward pass has too."""
    return {name: value for name, value in options.items() if name in signature(predict).parameters}


def _own(
    X: torch.Tensor, args: Sequence[torch.Tensor] | None, index: int
) -> tuple[torch.Tensor, list[torch.Tensor] | None]:
    """One of some sequences, and the model's further inputs for it, each as a batch."""
    row = slice(index, index + 1)
    return X[row], None if args is None else [arg[row] for arg in args]


def replaced(X: torch.Tensor, shuffled: torch.Tensor, start: int, end: int) -> bool:
    """Whether sequences differ from `X` by substitutions from `start` to `end` alone, in which no N is put."""
    inside = shuffled[..., start:end]
    outside = [(..., slice(start)), (..., slice(end, None))]
    same = all(torch.equal(shuffled[part], X.unsqueeze(1)[part].expand_as(shuffled[part])) for part in outside)
    return same and bool((inside.sum(dim=2) == 1).all())
