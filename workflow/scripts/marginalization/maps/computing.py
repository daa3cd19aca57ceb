"""The job that maps motifs, by one model: its readouts with each single-base change of them, in each background."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import torch

from ..config.checks import readouts_of
from ..config.sections import Config
from ..design.placement import Placed
from ..jobs.effects import ROW_GROUP_ROWS, Effects, run_sinks
from ..jobs.shard import RowGroups, Shard, list_column
from ..models.readouts import ReadoutModel
from ..sequences.letters import UNKNOWN, reverse_complement
from ..store.other_schemas import MAP_OUTPUTS
from .chosen import AS_IT_IS, PLACE, Change


@dataclass(frozen=True, eq=False)
class Changes(Effects):
    """A readout before and after, (placements, backgrounds, targets), of elements where they are mapped.

    Fields:
        mapped: by target the `PLACE` of each of these elements.
        sequences: of the elements, as written, by element_id.
    """

    schema = MAP_OUTPUTS
    mapped: dict[str, set[tuple[str, str, int]]]
    sequences: dict[str, str]

    @property
    def used(self) -> list[int]:
        """Which of the readout's targets something is mapped on."""
        return [i for i, target in enumerate(self.shard.targets[self.readout]) if target in self.mapped]

    @property
    def rows_each(self) -> int:
        return 1

    @property
    def targets(self) -> list[str]:
        return [self.shard.targets[self.readout][i] for i in self.used]

    @property
    def facts(self) -> dict[str, Any]:
        rows = sum(
            (p.element_id, p.strand, p.start) in places for places in self.mapped.values() for p in self.shard.placed
        )
        return {**super().facts, "rows": rows, "effects": rows * len(self.shard.backgrounds)}

    def reduce(self, y: torch.Tensor, placed: Sequence[Placed | None]) -> torch.Tensor:
        return super().reduce(y[..., self.used], placed)

    def rows(self, before: torch.Tensor, after: torch.Tensor, placed: list[Placed]) -> RowGroups:
        change = [_change(p, self.sequences[p.element_id]) for p in placed]
        for order in self.blocks(ROW_GROUP_ROWS // self.width):
            y = after[..., order].float().numpy().transpose(0, 2, 1)
            y0 = np.broadcast_to(before[..., order].float().numpy().transpose(0, 2, 1), y.shape)
            repeated = [of for of in change for _ in order]
            yield (
                order,
                {
                    "position": np.array([of.position for of in repeated], dtype=np.int64),
                    "base": pa.array([of.base for of in repeated]).dictionary_encode(),
                    "before": list_column(np.ascontiguousarray(y0)),
                    "after": list_column(np.ascontiguousarray(y)),
                },
            )

    def tables(self, before: torch.Tensor, after: torch.Tensor, placed: list[Placed]) -> Iterator[pa.Table]:
        for table in super().tables(before, after, placed):
            places = zip(*(table[name].to_pylist() for name in PLACE), strict=True)
            keys = zip(table["target"].to_pylist(), places, strict=True)
            kept = table.filter(pa.array([place in self.mapped[target] for target, place in keys], pa.bool_()))
            if len(kept):
                yield kept


def run_maps(
    model: ReadoutModel,
    shard: Shard,
    chosen: pd.DataFrame,
    sequences: dict[str, str],
    config: Config,
    paths: dict[str, str],
    device: torch.device,
    pieces: Path,
    facts: dict[str, Any],
) -> dict[str, Any]:
    """Compute the changed elements of a model's maps, and write its files.

    Args:
        shard: what `place_changes` gives, in place.
        chosen: the rows of `chosen_motifs` that are the model's.
        sequences: of the elements, as written, by element_id.
        paths: the file to write for each readout.
        model, config, device, pieces, facts: as for `run_effects`.

    Returns:
        How it went, as `run_shard`.

    Raises:
        InputError: a readout is NaN or infinite, or outside the domain of its scale.
        StoppedError: as `run_shard`.
    """
    mapped: dict[str, dict[str, set[Any]]] = {name: defaultdict(set) for name in paths}
    for row in chosen[["readout", "target", *PLACE]].itertuples(index=False):
        mapped[row[0]][row[1]].add(tuple(row[2:]))
    scales = {name: readout.scale for name, readout in readouts_of(config).items()}
    sinks = [Changes(shard, name, path, scales[name], mapped[name], sequences) for name, path in paths.items()]
    return run_sinks(sinks, model, config, device, pieces, facts)


def _change(placed: Placed, sequence: str) -> Change:
    """What is changed in an element in place, whose sequence as written is given."""
    written = placed.sequence if placed.strand == "+" else reverse_complement(placed.sequence)
    differs = [Change(i, base) for i, (base, own) in enumerate(zip(written, sequence, strict=True)) if base != own]
    return differs[0] if differs else Change(AS_IT_IS, UNKNOWN)
