"""A model is captured for incremental inference, and its first results are held against full forward passes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import torch

from ...models.outputs import leaves, map_tree
from ...sequences.constructs import Placement, constructs, distinct
from .engine import Incremental
from .graphs.hindrances import CaptureError
from .motifs import motifs_at_once, places_of, prepared, run_one
from .saving import held_by_program, kept_of_background, memory_of, saving

logger = logging.getLogger(__name__)

GIB = 2**30

LEAST_SAVED = 0.25
"""What share of a full pass's operations incremental inference is to leave out; less does not pay for its steps."""

TOLERANCES = {"highest": 1e-3, "high": 1e-2, "medium": 5e-2}
"""How far the first results may be from a full forward pass, as a share of the effect, by precision."""


class DiffersError(Exception):
    """A captured model gives other numbers than the model itself: by the capture, or as it is no function."""


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

    Raises:
        DiffersError: it gives something else.
    """
    X, n = inputs[0], len(inputs[0])
    outermost = [min(placements, key=lambda p: p[1]), max(placements, key=lambda p: p[1] + p[0].shape[2])]
    try:
        engine = Incremental(model, inputs, precision)
        group = [*outermost, *distinct(placements[: motifs_at_once(engine, inputs)])[0]]
        members = places_of(engine, group, X)
        places = [next(place for place, which in members.items() if i in which) for i in range(2)]
        _require_room(engine, *places[0][:2])
        saved = saving(engine.nodes, engine.program(*places[0][:2]))
        if saved.share < LEAST_SAVED and not asked:
            logger.info("full forward passes: only %s", saved, extra=in_full(f"only {saved}"))
            return None
        chunk = next(prepared(engine, inputs, members, batch_size))
        rows = [0, min(1, chunk.stop - 1)]  # one in the first, and one in the second where there is one
        ours = [run_one(engine, X, *each) for each in zip(places, outermost, rows, strict=True)]
        before = engine.before()
        constructed = torch.cat([constructs(X, outermost, i * n + row, i * n + row + 1) for i, row in enumerate(rows)])
        parts = torch.arange(len(rows)).split(engine.full_at_once(batch_size))
        afters = [model(constructed[i], *(x[[rows[j] for j in i]] for x in inputs[1:])) for i in parts]
        y, after = (map_tree(lambda *ys: torch.cat(ys), *trees) for trees in (ours, afters))
        largest, reason = _compared(map_tree(lambda t: t[rows], before), y, after, TOLERANCES[precision])
    except Exception as error:  # whatever is wrong with it, a full forward pass gives the answer
        warn(error)
        return None
    if reason:
        logger.warning("no incremental inference: %s", reason, extra=in_full(reason))
        raise DiffersError(reason)
    logger.info(
        "incremental inference: %s; the first results differ from a full forward pass by %.1g of an effect",
        *(saved, largest),
        extra={"facts": {"incremental": True, **saved._asdict(), "largest_difference": largest}},
    )
    return engine


def _compared(before: Any, after: Any, reference: Any, tolerance: float) -> tuple[float, str]:
    """How far outputs are from those of a full pass at the most, as a share of the effect; and why that is too far."""
    largest = 0.0
    for background, y, right in zip(*map(leaves, (before, after, reference)), strict=True):
        # Of the finite ones; what is infinite or no number must be so in both.
        effect, miss = (finite(right - x).abs().max().item() for x in (background, y))
        scale = effect + 0.01 * finite(right).abs().max().item()
        if not torch.allclose(y, right, rtol=0, atol=tolerance * scale, equal_nan=True):
            how = f"by {miss:g}" if miss > 0 else "in what is infinite or no number"
            return largest, f"its first results differ from a full forward pass {how}"
        largest = max(largest, miss / max(scale, 1e-30))
    return largest, ""


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
