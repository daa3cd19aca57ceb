"""Attributions, by one model: their sums over the backgrounds of one shard.

Attributions are summed over backgrounds as soon as they are there, in float64, and of the sums only a window around
each element, and two totals, are kept. A group of placements makes a row group for each target, because the merged
table is sorted by target before element.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..config.sections import Config
from ..design.placement import Distinct, Placed, window_starts
from ..inference.attribution import Attributor, OneReadout, draw_references
from ..inference.prediction import evaluating
from ..models.readouts import ReadoutModel
from ..sequences.constructs import Placement, constructs
from ..sequences.letters import DNA
from ..sequences.onehot import as_motif, one_hot_encode
from ..store.schemas import ATTRIBUTION_SUMS
from .running import Outputs, rows_together
from .shard import RowGroups, Shard, Sink, check_finite, list_column, run_shard

CALL_NUMBERS = 2**25
"""About how many numbers a call of the function takes or gives."""

NOTHING: Placement = (torch.zeros(1, len(DNA), 0, dtype=torch.int8), 0)
"""What is substituted into the backgrounds as they are."""


@dataclass(frozen=True, eq=False)
class AttributionSums(Sink):
    """A readout's summed attributions, (placements, targets, length), in windows around the elements."""

    schema, what = ATTRIBUTION_SUMS, "an attribution of readout"
    window: int

    def reduce(self, y: torch.Tensor, placed: Sequence[Placed | None]) -> torch.Tensor:
        # Of the backgrounds as they are all is kept, because each element has another window.
        elements = [p for p in placed if p is not None]
        return _kept(y, elements, self.window) if elements else y

    def rows(self, before: torch.Tensor, after: torch.Tensor, placed: list[Placed]) -> RowGroups:
        before = _kept(before.expand(len(placed), -1, -1), placed, self.window)
        for order in self.blocks(1):
            columns: dict[str, Any] = {}
            for name, values in (("before", before[:, order[0]].numpy()), ("after", after[:, order[0]].numpy())):
                columns[f"{name}_inside"], columns[f"{name}_outside"] = values[:, 0], values[:, 1]
                columns[name] = list_column(values[:, 2:])
            yield order, columns


class Summed:
    """Attributions of constructs, summed over the backgrounds of a shard; arguments are as for `run_attributions`."""

    def __init__(self, model: ReadoutModel, shard: Shard, config: Config, device: torch.device, readouts: list[str]):
        self.shard = shard
        self.attributor = Attributor(vars(config.attributions), vars(config.compute), device)
        self.models = {readout: OneReadout(model, readout, shard.args) for readout in readouts}
        sequences = shard.backgrounds["sequence"]
        self.X = one_hot_encode(list(sequences))
        n = self.attributor.n_references
        self.references = draw_references(sequences, n, config.seed) if n else None

    def after(self, done: int) -> Iterator[Outputs]:
        """The sums of the constructs of the placements from one on, a few at a time."""
        at_once = max(1, min(map(self._rows_per_call, self.models)) // len(self.X))
        for first in range(done, len(self.shard.placed), at_once):
            yield self.sums(self.shard.placed[first : first + at_once])

    def sums(self, group: Sequence[Placed | None]) -> Outputs:
        """Of each placement, or of the backgrounds for None: by readout float64, (placements, targets, length)."""
        return {readout: self._sums_of(readout, group) for readout in self.models}

    def _sums_of(self, readout: str, group: Sequence[Placed | None]) -> torch.Tensor:
        X, references, n_targets = self.X, self.references, len(self.shard.targets[readout])
        n, at_once = len(X), self._rows_per_call(readout)
        placements = [NOTHING if p is None else (as_motif(p.sequence, DNA), p.start) for p in group]
        total = torch.zeros(len(group), n_targets, X.shape[2], dtype=torch.float64)
        for first in range(0, len(group) * n, at_once):
            rows = torch.arange(first, min(first + at_once, len(group) * n))
            sequences = constructs(X, placements, first, first + len(rows))
            args = [arg[rows % n] for arg in self.shard.args]
            own = None if references is None else references[rows % n]
            y = self.attributor(self.models[readout], sequences, n_targets, args, own).double()
            check_finite(f"{AttributionSums.what} {readout}", y, self.shard, group, first)
            total.index_add_(0, rows // n, y)
        return total

    def _rows_per_call(self, readout: str) -> int:
        """How many sequences go into a call of the function."""
        n_references = 0 if self.references is None else self.references.shape[1]
        return max(1, CALL_NUMBERS // (self.X[0].numel() * max(len(self.shard.targets[readout]), n_references)))


def run_attributions(
    model: ReadoutModel,
    shard: Shard,
    config: Config,
    paths: dict[str, str],
    device: torch.device,
    pieces: Path,
    facts: dict[str, Any],
) -> dict[str, Any]:
    """Attribute a shard and write its files.

    Args:
        shard: what to attribute: without controls.
        paths: the file to write for each readout that is attributed.
        model, config, device, pieces, facts: as for `run_effects`.

    Returns:
        How it went, as `run_shard`.

    Raises:
        InputError: an attribution is NaN or infinite, or a lab's own function does not give attributions.
        StoppedError: as `run_shard`.
    """
    assert config.attributions
    summed, window = Summed(model, shard, config, device, list(paths)), config.attributions.window
    sinks = [AttributionSums(shard, readout, path, window) for readout, path in paths.items()]
    group = rows_together(2 * (window + 2), sum(len(sink.targets) for sink in sinks))
    rows = np.arange(len(shard.placed))
    each = Distinct(rows, rows)  # windows around elements of other widths differ
    with evaluating(model, device):
        ran = run_shard(sinks, group, each, lambda: summed.sums([None]), summed.after, pieces, facts)
    summed.attributor.log_warnings()
    return ran


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
