"""Groups of motifs through a captured model, in bounded memory, after a check.

The motifs of a group lie in windows; those of a window run together, and the backgrounds are kept for the hull of all.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch
from torch.nn import functional

from ...models.outputs import leaves, map_tree
from ...sequences.constructs import Placement, constructs, distinct, of_each
from .engine import Incremental
from .graphs.hindrances import CaptureError
from .saving import held_by_program, kept_of_background, memory_of, saving

logger = logging.getLogger(__name__)

GIB = 2**30

GROUP_BYTES = 2**26
"""About how large the outputs of a group may be in incremental inference."""

MOTIFS_PER_GROUP = {"cpu": 256, "cuda": 1024}
"""The most motifs of a group: enough to fill the device, few enough that what is done is soon handed on."""

WINDOW_STEPS = (4, 8, 16, 32)
"""Windows begin and end at multiples of one of these, so that motifs of similar widths and places share a program."""

PER_WINDOW = 32
"""How many motifs, or how many backgrounds, are to share a window on average: few rows cost more in steps of a program
than in wider windows."""

LEAST_SAVED = 0.25
"""What share of a full pass's operations incremental inference is to leave out; less does not pay for its steps."""

TOLERANCES = {"highest": 1e-3, "high": 1e-2, "medium": 5e-2}
"""How far the first results may be from a full forward pass, as a share of the effect, by precision."""


def motifs_at_once(engine: Incremental, inputs: list[torch.Tensor]) -> int:
    """How many motifs a group has."""
    X = inputs[0]
    outputs = sum(leaf[0].numel() for leaf in leaves(engine.tree))
    return max(1, min(MOTIFS_PER_GROUP[X.device.type], GROUP_BYTES // (len(X) * outputs * X.element_size())))


def checked_engine(
    model: torch.nn.Module,
    inputs: list[torch.Tensor],
    placements: Sequence[Placement],
    batch_size: int,
    precision: str = "highest",
    asked: bool = True,
) -> Incremental | None:
    """The model captured for incremental inference, if it then gives what it gives in full; the log says why not.

    What the first placements read of the backgrounds is kept in it, as far as there is room.

    Args:
        model: in evaluation mode, on the device of the inputs.
        inputs: one-hot backgrounds in the model's dtype, and its further inputs.
        placements: some; the outermost are compared, where windows meet the ends of layers and crops.
        batch_size, precision: as for `stream_motifs`.
        asked: also where little is saved.
    """
    X = inputs[0]
    outermost = [min(placements, key=lambda p: p[1]), max(placements, key=lambda p: p[1] + p[0].shape[2])]
    try:
        engine = Incremental(model, inputs, precision)
        group = [*outermost, *distinct(placements[: motifs_at_once(engine, inputs)])[0]]
        members = _windows(group, X)
        windows = [next(window for window, which in members.items() if i in which) for i in range(2)]
        _require_room(engine, *windows[0])
        saved = saving(engine.nodes, engine.program(*windows[0]))
        if saved.share < LEAST_SAVED and not asked:
            logger.info("full forward passes: only %s", saved, extra=in_full(f"only {saved}"))
            return None
        chunk = next(_prepared(engine, inputs, members, batch_size))
        rows = [0, min(1, chunk.stop - 1)]  # one in the first, and one in the second where there is one
        one, other = (_run_one(engine, X, *each) for each in zip(windows, outermost, rows, strict=True))
        before = engine.before()
    except Exception as error:  # whatever is wrong with it, a full forward pass gives the answer
        warn(error)
        return None
    n = len(X)
    constructed = torch.cat([constructs(X, outermost, i * n + row, i * n + row + 1) for i, row in enumerate(rows)])
    parts = torch.arange(len(rows)).split(engine.full_at_once(batch_size))
    afters = [model(constructed[i], *(x[[rows[j] for j in i]] for x in inputs[1:])) for i in parts]
    after = map_tree(lambda *ys: torch.cat(ys), *afters)
    largest = 0.0
    for background, *ours, reference in zip(*map(leaves, (before, one, other, after)), strict=True):
        # Of the finite ones; what is infinite or no number must be so in both.
        y = torch.cat(ours)
        effect, miss = (finite(reference - x).abs().max() for x in (background[rows], y))
        scale = effect + 0.01 * finite(reference).abs().max()
        if not torch.allclose(y, reference, rtol=0, atol=TOLERANCES[precision] * scale.item(), equal_nan=True):
            reason = f"its first results differ from a full forward pass by {miss:g}"
            logger.warning("no incremental inference: %s", reason, extra=in_full(reason))
            return None
        largest = max(largest, miss.item() / max(scale.item(), 1e-30))
    logger.info(
        "incremental inference: %s; the first results differ from a full forward pass by %.1g of an effect",
        *(saved, largest),
        extra={"facts": {"incremental": True, **saved._asdict(), "largest_difference": largest}},
    )
    return engine


def _require_room(engine: Incremental, lo: int, hi: int) -> None:
    """Raise a CaptureError where even one motif in one background takes more memory than the device has.

    What a larger model takes is told.
    """
    program, has = engine.program(lo, hi), memory_of(engine.device)
    kept, of_row = kept_of_background(program), held_by_program(program)
    takes = max(engine.held, of_row + kept)
    of_background, of_kept, of_motif = (f"{n / GIB:.1f}" for n in (engine.held, kept, of_row))
    told = f"{of_background} GiB to run a background, of which {of_kept} are kept, and {of_motif} to run a motif in it"
    if takes > has:
        raise CaptureError(f"it takes {told}, beside the weights, and {engine.device} has {has / GIB:.1f}")
    if takes > GIB:
        logger.info("memory beside the weights, about: %s", told)


def finite(x: torch.Tensor) -> torch.Tensor:
    """The same, but zero where it is infinite or no number."""
    return x.nan_to_num(0.0, 0.0, 0.0)


def warn(error: Exception) -> None:
    said = (str(error).strip() or "no message").splitlines()[0]
    reason = said if isinstance(error, CaptureError) else f"{type(error).__name__}: {said}"
    logger.warning(
        "no incremental inference, so each element costs a full forward pass: %s", reason, extra=in_full(reason)
    )


def in_full(reason: str) -> dict[str, Any]:
    """What a message of the log says, as data for the job's record."""
    return {"facts": {"incremental": False, "reason": reason}}


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
    for _ in _prepared(engine, inputs, _windows(once, inputs[0]), batch_size):
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
    members = _windows(once, X)
    whole: Any = None
    for chunk in _prepared(engine, inputs, members, batch_size):
        for window, which in members.items():
            for rows, backgrounds, y in _run_window(engine, X, chunk, window, [once[i] for i in which]):
                y = y if func is None else func(y)
                if whole is None:
                    whole = map_tree(lambda t: t.new_empty((len(once), len(X), *t.shape[1:])), y)
                place = (torch.tensor(which, device=X.device)[rows], backgrounds)
                map_tree(lambda target, part, place=place: target.index_put_(place, part), whole, y)
    return map_tree(lambda t: of_each(t, of_group), whole)


def _prepared(
    engine: Incremental, inputs: list[torch.Tensor], windows: Iterable[tuple[int, int]], batch_size: int
) -> Iterator[slice]:
    """Prepare the backgrounds for some windows, as many at a time as may be kept; yields which."""
    lo, hi = min(lo for lo, _ in windows), max(hi for _, hi in windows)
    n, at_once = len(inputs[0]), engine.backgrounds_at_once(lo, hi)
    for first in range(0, n, at_once):
        chunk = slice(first, min(first + at_once, n))
        engine.prepare([x[chunk] for x in inputs], (chunk.start, chunk.stop), lo, hi, batch_size)
        yield chunk


def _windows(group: Sequence[Placement], X: torch.Tensor) -> dict[tuple[int, int], list[int]]:
    """Windows of backgrounds, and which motifs of a group lie in each."""
    n, _, length = X.shape
    for step in WINDOW_STEPS:
        members: dict[tuple[int, int], list[int]] = {}
        for i, (motif, start) in enumerate(group):
            lo, end = start // step * step, start + motif.shape[2]
            members.setdefault((lo, min(length, -(-end // step) * step)), []).append(i)
        if max(n, len(group) // len(members)) >= PER_WINDOW:
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
    own = [(motif if len(motif) == 1 else motif[chunk], start) for motif, start in placements]
    motifs = torch.stack(torch.broadcast_tensors(*(_within(window, *placement) for placement in own)))
    motifs = motifs.to(X.device)  # at once: each copy has its latency
    if n <= len(placements):
        for i in range(n):
            delta = _differences(motifs[:, i if motifs.shape[1] > 1 else 0], before[i])
            yield order, backgrounds[i].expand(len(order)), engine.after(delta, lo, slice(i, i + 1))
    else:
        for rows in engine.batches(lo, hi, n):
            for j, motif in enumerate(motifs):
                delta = _differences(motif if len(motif) == 1 else motif[rows], before[rows])
                yield order[j].expand(len(delta)), backgrounds[rows], engine.after(delta, lo, rows)


def _run_one(engine: Incremental, X: torch.Tensor, window: tuple[int, int], placement: Placement, row: int) -> Any:
    """The output tree for one motif in its window of one of the backgrounds that are prepared."""
    motif, start = placement
    motif = motif if len(motif) == 1 else motif[row : row + 1]
    delta = _differences(_within(window, motif, start).to(X.device), X[row, :, slice(*window)])
    return engine.after(delta, window[0], slice(row, row + 1))


def _within(window: tuple[int, int], motif: torch.Tensor, start: int) -> torch.Tensor:
    """A motif as wide as a window, zero where it is not."""
    lo, hi = window
    return functional.pad(motif, (start - lo, hi - start - motif.shape[2]))


def _differences(motif: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    """What motifs change, which is nothing where they are zero."""
    motif = motif.to(before.dtype)
    return (motif - before) * motif.sum(dim=1, keepdim=True)
