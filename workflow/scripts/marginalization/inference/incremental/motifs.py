"""Groups of motifs through a captured model, in bounded memory.

The motifs of a group lie in windows; those of a window run together, and the backgrounds are kept for the hull of all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch
from torch.nn import functional

from ...models.outputs import leaves, map_tree
from ...sequences.constructs import Placement, distinct, of_each
from .engine import Incremental
from .gaps.cores import Core
from .gaps.placed import gap_of, windows_of
from .gaps.reached import Place
from .rules.base import size_of
from .saving import work, work_with_gap

GROUP_BYTES = 2**26
"""About how large the outputs of a group may be in incremental inference."""

MOTIFS_PER_GROUP = {"cpu": 256, "cuda": 1024}
"""The most motifs of a group: enough to fill the device, few enough that what is done is soon handed on."""

LEAST_GAINED = 1.1
"""How many times as much is to be computed without a gap as with it."""

FEWEST_ROWS = 16
"""Of how many motifs or backgrounds at least: each side reads the weights again, which takes long for few rows."""


def motifs_at_once(engine: Incremental, inputs: list[torch.Tensor]) -> int:
    """How many motifs a group has."""
    X = inputs[0]
    outputs = sum(leaf[0].numel() for leaf in leaves(engine.tree))
    return max(1, min(MOTIFS_PER_GROUP[X.device.type], GROUP_BYTES // (len(X) * outputs * X.element_size())))


def run_backgrounds(
    engine: Incremental,
    inputs: list[torch.Tensor],
    group: Sequence[Placement],
    func: Callable[[Any], Any] | None,
    batch_size: int,
) -> Any:
    """The output tree of the backgrounds, (n_backgrounds, ...), on the CPU; what a group reads of them is kept."""
    parts = []
    once, _ = distinct(group)
    for _ in prepared(engine, inputs, places_of(engine, once, inputs[0]), batch_size):
        y = engine.before()
        parts.append(map_tree(lambda t: t.cpu(), y if func is None else func(y)))
    return map_tree(lambda *ys: torch.cat(ys), *parts)


def run_group(
    engine: Incremental,
    inputs: list[torch.Tensor],
    group: Sequence[Placement],
    func: Callable[[Any], Any] | None,
    batch_size: int,
) -> Any:
    """The output tree of a group's motifs, tensors (n_in_group, n_backgrounds, ...), by incremental inference.

    Equal placements are computed once: copies of an element, and both strands of a palindrome.
    """
    X = inputs[0]
    once, of_group = distinct(group)
    members = places_of(engine, once, X)
    whole: Any = None
    for chunk in prepared(engine, inputs, members, batch_size):
        for place, which in _split(engine, members):
            for rows, backgrounds, y in _run_place(engine, X, chunk, place, [once[i] for i in which]):
                y = y if func is None else func(y)
                if whole is None:
                    whole = map_tree(lambda t: t.new_empty((len(once), len(X), *t.shape[1:])), y)
                at = (torch.tensor(which, device=X.device)[rows], backgrounds)
                map_tree(lambda target, part, at=at: target.index_put_(at, part), whole, y)
    return map_tree(lambda t: of_each(t, of_group), whole)


def prepared(
    engine: Incremental, inputs: list[torch.Tensor], places: Iterable[Place], batch_size: int
) -> Iterator[slice]:
    """Prepare the backgrounds for some places, as many at a time as may be kept; yields which."""
    lo, hi = min(place.lo for place in places), max(place.hi for place in places)
    gapped = [place for place in places if place.gap is not None]
    n, at_once = len(inputs[0]), engine.backgrounds_at_once(lo, hi, gapped)
    for first in range(0, n, at_once):
        chunk = slice(first, min(first + at_once, n))
        engine.prepare([x[chunk] for x in inputs], (chunk.start, chunk.stop), lo, hi, batch_size, gapped)
        yield chunk


def places_of(engine: Incremental, group: Sequence[Placement], X: torch.Tensor) -> dict[Place, list[int]]:
    """Windows of backgrounds, each with a gap where that pays, and which motifs of a group lie in each."""
    members: dict[Place, list[int]] = {}
    for (lo, hi), which in windows_of(group, X).items():
        gap = gap_of([group[i] for i in which]) if max(len(X), len(which)) >= FEWEST_ROWS else None
        place = Place(lo, hi, gap)
        pays = gap is not None and _pays(engine, place, len(X), len(which))
        members[place if pays else place._replace(gap=None)] = which
    return members


def _pays(engine: Incremental, place: Place, n: int, n_motifs: int) -> bool:
    """Whether a gap leaves out enough. A count, not a time, so that each run gives the same bytes."""
    batch = engine.batches(place, max(n, n_motifs))[0]
    taken = work_with_gap(engine.program(*place), n, n_motifs, batch.stop - batch.start)
    return work(engine.program(place.lo, place.hi)) > LEAST_GAINED * taken


def _elements_at_once(engine: Incremental, place: Place) -> int:
    """Of how many motifs to keep what they alone decide."""
    cores = engine.program(*place).cores
    floats = sum(size_of(node, part) for node, parts in cores.parts.items() for part in parts) if cores else 1
    return max(1, engine.cache_bytes // (64 * engine.itemsize * floats))  # a small part of what backgrounds may take


def _split(engine: Incremental, members: dict[Place, list[int]]) -> Iterator[tuple[Place, list[int]]]:
    """Places and their motifs, as many at a time as may be kept of what they alone decide."""
    for place, which in members.items():
        at_once = len(which) if place.gap is None else _elements_at_once(engine, place)
        for first in range(0, len(which), at_once):
            yield place, which[first : first + at_once]


def _run_place(
    engine: Incremental, X: torch.Tensor, chunk: slice, place: Place, placements: list[Placement]
) -> Iterator[tuple[torch.Tensor, torch.Tensor, Any]]:
    """The outputs for motifs in one place, batch by batch: which motifs, which backgrounds, and the output tree.

    A batch is all motifs in one background, or one motif in all backgrounds, whichever makes fewer batches.
    """
    lo, hi, gap = place
    n = chunk.stop - chunk.start
    before = X[chunk, :, lo:hi]
    backgrounds = torch.arange(chunk.start, chunk.stop, device=X.device)
    order = torch.arange(len(placements), device=X.device)
    own = [(motif if len(motif) == 1 else motif[chunk], start) for motif, start in placements]
    motifs = torch.stack(torch.broadcast_tensors(*(_within(place, *placement) for placement in own)))
    motifs = motifs.to(X.device)  # at once: each copy has its latency
    core = _core(engine, place, motifs, before[0])
    if n <= len(placements):
        for i in range(n):
            delta = _differences(motifs[:, i if motifs.shape[1] > 1 else 0], before[i])
            yield order, backgrounds[i].expand(len(order)), engine.after(delta, lo, slice(i, i + 1), gap, core)
    else:
        cores = [core and core.rows(slice(j, j + 1)) for j in range(len(motifs))]
        for rows in engine.batches(place, n):
            for j, motif in enumerate(motifs):
                delta = _differences(motif if len(motif) == 1 else motif[rows], before[rows])
                yield order[j].expand(len(delta)), backgrounds[rows], engine.after(delta, lo, rows, gap, cores[j])


def run_one(engine: Incremental, X: torch.Tensor, place: Place, placement: Placement, row: int) -> Any:
    """The output tree for one motif in its place in one of the backgrounds that are prepared."""
    lo, hi, gap = place
    motifs = _within(place, *placement)[None].to(X.device)
    core = _core(engine, place, motifs, X[0, :, lo:hi])
    delta = _differences(motifs[:, row if motifs.shape[1] > 1 else 0], X[row, :, lo:hi])
    return engine.after(delta, lo, slice(row, row + 1), gap, core)


def _core(engine: Incremental, place: Place, motifs: torch.Tensor, before: torch.Tensor) -> Core | None:
    """What motifs alone decide in a place; None where its gap has no letters.

    `motifs` are (n, 1 or n_backgrounds, letters, width); `before` is what the first background has there.
    """
    if place.gap is None or not place.gap.of_letters:
        return None
    return engine.core(_differences(motifs[:, 0], before), place.lo, place.gap)


def _within(place: Place, motif: torch.Tensor, start: int) -> torch.Tensor:
    """A motif as wide as a place, zero where it is not."""
    return functional.pad(motif, (start - place.lo, place.hi - start - motif.shape[2]))


def _differences(motif: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    """What motifs change, which is nothing where they are zero."""
    motif = motif.to(before.dtype)
    return (motif - before) * motif.sum(dim=1, keepdim=True)
