"""Ablations, by one model: the readouts of the loci of one shard's instances, as they are and after each replacement.

A locus is the only background of its session, which goes from locus to locus. A row is an instance in its locus; a
group of rows makes a row group for each target, because the merged table is sorted by target before instance.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import torch

from ..config.ablations import n_constructs, n_replaced
from ..config.checks import readouts_of
from ..config.sections import Config
from ..design.instances import loci, replacements
from ..errors import InputError
from ..inference.session import session
from ..models.loading import load_inputs
from ..models.outputs import row_count
from ..models.readouts import ReadoutModel
from ..sequences.constructs import Placement
from ..sequences.onehot import one_hot_encode
from ..statistics.scales import Scale
from ..store.files import parquet_writer, write_group
from ..store.other_schemas import ABLATION_OUTPUTS, INSTANCES
from ..store.paths import job_labels
from ..store.reading import read_table
from .pieces import discard
from .running import Kept, Outputs, rows_together, run_rows
from .shard import list_column, meaningless, within


def read_instances_of(job: str, path: str) -> pd.DataFrame:
    """The instances of a job, from the table of all."""
    rows = "instance_id", within(job_labels(job)[0])
    return read_table(path, INSTANCES, rows=rows).reset_index(drop=True)


def run_ablations(
    model: ReadoutModel,
    name: str,
    config: Config,
    instances: pd.DataFrame,
    targets: dict[str, list[str]],
    paths: dict[str, str],
    device: torch.device,
    pieces: Path,
    facts: dict[str, Any],
) -> dict[str, Any]:
    """Ablate the instances of a shard and write its files.

    Args:
        model: a model with its readouts.
        name: the model's.
        config: of the screen.
        instances: the shard's.
        targets: the names of each readout's targets.
        paths: the file to write for each readout.
        device: where.
        pieces, facts: as for `run_shard`.

    Returns:
        How it went, as `run_rows`.

    Raises:
        InputError: a readout is NaN or infinite, or outside the domain of its scale.
        StoppedError: as `run_rows`.
    """
    spec = config.elements.ablations
    assert spec
    scales = {readout: of.scale for readout, of in readouts_of(config).items()}
    each = n_constructs(spec)
    with ExitStack() as stack:
        writers = {}
        for readout, path in paths.items():
            rows = len(instances) * len(targets[readout])
            said = {"readout": readout, "n_backgrounds": each, "rows": rows, "effects": rows * each}
            writers[readout] = stack.enter_context(parquet_writer(path, ABLATION_OUTPUTS, {**facts, **said}))

        def keep(outputs: Outputs, done: int) -> Kept:
            for i in range(row_count(outputs)):
                for readout, scale in scales.items():
                    _check(readout, outputs[readout][i], scale, instances.iloc[done + i])
            return {str(readout): y for readout, y in outputs.items()}

        def write(kept: Kept, done: int) -> None:
            ids = instances["instance_id"].iloc[done : done + row_count(kept)].tolist()
            for readout, writer in writers.items():
                for t in np.argsort(np.array(targets[readout], dtype=object), kind="stable"):
                    write_group(writer, _rows(ids, targets[readout][t], kept[readout][:, :, t].float().numpy()))

        computed = stack.enter_context(_Loci(model, name, config, instances, list(paths), device))
        group = rows_together(1 + each, sum(len(targets[readout]) for readout in paths))
        ran = run_rows(np.arange(len(instances)), each, computed.after, keep, write, group, pieces, facts["model"])
    discard(pieces)
    return ran


class _Loci(ExitStack):
    """A session of a model, one locus after the other; the arguments are those of `run_ablations`."""

    def __init__(
        self,
        model: ReadoutModel,
        name: str,
        config: Config,
        instances: pd.DataFrame,
        readouts: list[str],
        device: torch.device,
    ):
        super().__init__()
        self.config, self.instances, self.args = config, instances, load_inputs(config.models[name], name, 1)
        # By the whole shard, so that an attempt that goes on computes in the same way as one that began.
        X, placed = self._of(*next(loci(instances.iloc[:1], config.length)))
        options = {
            **config.compute.options,
            "device": device,
            "args": self.args,
            "func": lambda y: {readout: y[readout] for readout in readouts},
        }
        self.session = self.enter_context(session(model, X, placed, len(instances) * len(placed), **options))

    def after(self, done: int) -> Iterator[Outputs]:
        """Of each instance from one on, (1, 1 + constructs, targets): its locus, then after each replacement."""
        for row, locus in loci(self.instances.iloc[done:], self.config.length):
            X, placed = self._of(row, locus)
            self.session.onto(X, self.args, placed)
            before, after = self.session.before(), list(self.session.after(placed))
            yield {
                readout: torch.cat([y.unsqueeze(0), *(of[readout] for of in after)]).transpose(0, 1)
                for readout, y in before.items()
            }

    def _of(self, row: Any, locus: str | None) -> tuple[torch.Tensor, list[Placement]]:
        """A locus as one-hot, and its instance's replacements, and those of the stretches elsewhere."""
        spec = self.config.elements.ablations
        if locus is None or spec is None:
            raise InputError(f"{row.source}: the locus of {row.name} is no longer in {row.genome}; run snakemake again")
        starts = [row.start - row.locus_start, *(int(start) for start in row.elsewhere)]
        sequences = replacements(row.instance_id, starts, row.width, locus, spec, self.config.seed)
        repeated = np.repeat(starts, n_replaced(spec)).tolist()
        return one_hot_encode([locus]), list(zip(one_hot_encode(sequences).split(1), repeated, strict=True))


def _rows(ids: list[str], target: str, y: np.ndarray) -> pa.Table:
    """The rows of some instances for a target, from before and after, (instances, 1 + constructs)."""
    columns = {
        "instance_id": ids,
        "target": pa.array([target] * len(ids)).dictionary_encode(),
        "before": y[:, 0],
        "after": list_column(np.ascontiguousarray(y[:, 1:])),
    }
    return pa.table(columns)


def _check(readout: str, y: torch.Tensor, scale: Scale, instance: pd.Series) -> None:
    """Raise unless all of a readout's values for a locus, before and after, are finite and within a scale's domain."""
    for bad, why in (
        (~torch.isfinite(y), "fix the model, or leave that row out"),
        (meaningless(y, scale), f"its effect {scale.name} needs {scale.needs}"),
    ):
        if bad.any():
            where = "as it is" if bad[0].any() else "with a stretch of it replaced"
            raise InputError(
                f"readout {readout} is {y[bad][0].item()} for the locus of {instance['name']} "
                f"({instance['source']}) {where}; {why}"
            )
