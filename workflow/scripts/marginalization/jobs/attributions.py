"""One shard of a screen's attributions, by one model: sums over its backgrounds into Parquet files.

Elements stream as those of `screen` do. Attributions are summed over backgrounds as soon as they are there, in float64,
and of the sums only a window around each element, and two totals, are kept. A group of placements makes a row group for
each target, because the merged table is sorted by target before element.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from ..config.attributions import attribution_readouts
from ..design.placement import Placed
from ..inference.attribution import Attributor, OneReadout, draw_references
from ..inference.prediction import evaluating
from ..models.outputs import row_count
from ..models.readouts import ReadoutModel
from ..sequences.constructs import Placement, constructs
from ..sequences.letters import DNA
from ..sequences.onehot import as_motif, one_hot_encode
from ..store.files import parquet_writer, write_group
from ..store.schemas import ATTRIBUTION_SUMS
from .effects import Shard, not_finite, read_shard, regroup
from .pieces import discard, resumed
from .rows import key_columns

logger = logging.getLogger(__name__)

CALL_NUMBERS = 2**25
"""About how many numbers a call of the function takes or gives."""

ROW_GROUP_NUMBERS = 2**22
"""About how many numbers the placements of a row group have: what is held of them until they are written."""

NOTHING: Placement = (torch.zeros(1, len(DNA), 0, dtype=torch.int8), 0)
"""What is substituted into the backgrounds as they are."""


def read_attribution_shard(config: dict[str, Any], model: str, job: str, paths: Any) -> Shard:
    """Read what a job attributes: as `read_shard`, without controls and with the targets that are attributed."""
    shard = read_shard(config, model, job, paths, controls=False)
    targets = {readout: shard.targets[readout] for readout in attribution_readouts(config)}
    numbers = sum(map(len, targets.values())) * 2 * (config["attributions"]["window"] + 2)
    return shard._replace(targets=targets, group=max(1, ROW_GROUP_NUMBERS // numbers))


def run_attribution_shard(
    model: ReadoutModel,
    shard: Shard,
    config: dict[str, Any],
    device: torch.device,
    paths: dict[str, str],
    pieces: Path,
    facts: dict[str, Any],
) -> dict[str, Any]:
    """Attribute a shard and write its files.

    Args:
        model: a model with its readouts.
        shard: what to attribute.
        config: as resolved.
        device: where.
        paths: the file to write for each readout.
        pieces: a folder for what is computed while the shard is unfinished; removed when it is.
        facts: for the metadata of the files.

    Returns:
        How it went, for the job's record: the shard's `marginals`, and the `seconds` of this attempt.

    Raises:
        InputError: an attribution is NaN or infinite, or a lab's own function does not give attributions.
        StoppedError: the process was told to stop; the next attempt goes on from the pieces.
    """
    begin = time.monotonic()
    window = config["attributions"]["window"]
    attributor = Attributor(config["attributions"], config["compute"], device)
    models = {readout: OneReadout(model, readout, shard.args) for readout in shard.targets}
    X = one_hot_encode(list(shard.backgrounds["sequence"]))
    references = None
    if attributor.n_references:
        references = draw_references(shard.backgrounds["sequence"], attributor.n_references, config["seed"])

    def sums(readout: str, group: list[Placed | None]) -> torch.Tensor:
        return _summed(attributor, models[readout], len(shard.targets[readout]), X, references, shard, group)

    with ExitStack() as stack:
        stack.enter_context(logging_redirect_tqdm())
        stack.enter_context(evaluating(model, device))
        before = {readout: sums(readout, [None])[0] for readout in paths}
        writers = {
            readout: stack.enter_context(
                parquet_writer(path, ATTRIBUTION_SUMS, {**facts, "readout": readout, **_counts(shard, readout)})
            )
            for readout, path in paths.items()
        }
        progress = stack.enter_context(
            tqdm(total=len(shard.placed) * len(X), unit="marginal", file=sys.stderr, mininterval=10, ncols=100)
        )

        def compute_from(done: int) -> Iterator[dict[str, torch.Tensor]]:
            progress.update(done * len(X))
            most = min(_rows_per_call(X, len(names), references) for names in shard.targets.values())
            at_once = max(1, most // len(X))
            for first in range(done, len(shard.placed), at_once):
                group = shard.placed[first : first + at_once]
                yield {readout: _kept(sums(readout, group), group, window) for readout in paths}
                progress.update(len(group) * len(X))

        done = 0
        for after in regroup(resumed(pieces, compute_from), shard.group):
            placed = shard.placed[done : done + row_count(after)]
            for readout, writer in writers.items():
                _write(writer, before[readout], after[readout], placed, shard.targets[readout], window)
            done += len(placed)
    discard(pieces)
    attributor.log_warnings()
    seconds, marginals = time.monotonic() - begin, len(shard.placed) * len(X)
    logger.info("attributions of %d marginals by %s on %s: %.1f s", marginals, facts["model"], device, seconds)
    return {"marginals": marginals, "seconds": seconds}


def _counts(shard: Shard, readout: str) -> dict[str, int]:
    """What a file holds, by which the merge knows that it is whole."""
    rows = len(shard.placed) * len(shard.targets[readout])
    return {"n_backgrounds": len(shard.backgrounds), "rows": rows, "effects": rows * len(shard.backgrounds)}


def _rows_per_call(X: torch.Tensor, n_targets: int, references: torch.Tensor | None) -> int:
    """How many sequences go into a call of the function."""
    return max(1, CALL_NUMBERS // (X[0].numel() * max(n_targets, 0 if references is None else references.shape[1])))


def _summed(
    attributor: Attributor,
    model: OneReadout,
    n_targets: int,
    X: torch.Tensor,
    references: torch.Tensor | None,
    shard: Shard,
    group: list[Placed | None],
) -> torch.Tensor:
    """Attributions of each placement's constructs, or of the backgrounds for None, summed over backgrounds.

    Returns:
        float64, shape (placements, targets, length).
    """
    n, at_once = len(X), _rows_per_call(X, n_targets, references)
    placements = [NOTHING if p is None else (as_motif(p.sequence, DNA), p.start) for p in group]
    total = torch.zeros(len(group), n_targets, X.shape[2], dtype=torch.float64)
    for first in range(0, len(group) * n, at_once):
        rows = torch.arange(first, min(first + at_once, len(group) * n))
        sequences = constructs(X, placements, first, first + len(rows))
        args = [arg[rows % n] for arg in shard.args]
        own = None if references is None else references[rows % n]
        y = attributor(model, sequences, n_targets, args, own).double()
        bad = ~torch.isfinite(y).flatten(1).all(dim=1)
        if bad.any():
            i = int(bad.nonzero()[0])
            row = first + i
            what = f"an attribution of readout {model.readout}"
            raise not_finite(what, y[i], shard.backgrounds.iloc[row % n], group[row // n])
        total.index_add_(0, rows // n, y)
    return total


def window_starts(starts: np.ndarray, widths: np.ndarray, length: int, window: int) -> np.ndarray:
    """Where the windows around elements begin: centred on them, as far as the background reaches."""
    return np.clip(starts + widths // 2 - window // 2, 0, length - window)


def _kept(total: torch.Tensor, placed: list[Placed], window: int) -> torch.Tensor:
    """Of each placement's attributions (placements, targets, length): inside, outside and window, (..., 2 + window)."""
    inside, outside, windows = [], [], []
    starts, widths = np.array([(p.start, len(p.sequence)) for p in placed]).T
    firsts = window_starts(starts, widths, total.shape[2], window).tolist()
    for y, start, width, first in zip(total, starts.tolist(), widths.tolist(), firsts, strict=True):
        inside.append(y[:, start : start + width].sum(dim=1))
        outside.append(y[:, :start].sum(dim=1) + y[:, start + width :].sum(dim=1))
        windows.append(y[:, first : first + window])
    return torch.cat([torch.stack(inside).unsqueeze(2), torch.stack(outside).unsqueeze(2), torch.stack(windows)], dim=2)


def _write(
    writer: pq.ParquetWriter,
    before: torch.Tensor,
    after: torch.Tensor,
    placed: list[Placed],
    targets: list[str],
    window: int,
) -> None:
    """A row group for each target from before (targets, length) and after (placements, targets, 2 + window)."""
    before = _kept(before.expand(len(placed), *before.shape), placed, window)
    for target in sorted(targets):
        i = targets.index(target)
        columns: dict[str, Any] = key_columns(placed, [target], 1)
        for name, values in (("before", before[:, i].numpy()), ("after", after[:, i].numpy())):
            columns[f"{name}_inside"], columns[f"{name}_outside"] = values[:, 0], values[:, 1]
            offsets = np.arange(0, len(placed) * window + 1, window, dtype=np.int32)
            columns[name] = pa.ListArray.from_arrays(offsets, values[:, 2:].ravel())
        write_group(writer, pa.table({name: columns[name] for name in writer.schema.names}))
