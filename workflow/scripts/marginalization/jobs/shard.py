"""One shard: some elements in some backgrounds, by one model, into Parquet files.

Elements stream through the model and into row groups, so memory does not grow with their number. What is kept of the
model's outputs, and which rows that becomes, is up to *sinks*, each of which fills a file.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import torch

from ..config.sections import Config
from ..design.elements import motifs_and_annotations
from ..design.placement import Distinct, Placed, place, written_out
from ..design.shards import background_ranges, element_bounds
from ..errors import InputError
from ..models.loading import load_inputs
from ..models.outputs import row_count
from ..models.readouts import Key, readout_of
from ..statistics.scales import Scale
from ..store.files import parquet_writer, write_group
from ..store.paths import job_labels
from ..store.reading import read_table
from ..store.schemas import BACKGROUNDS, ELEMENTS
from .pieces import discard
from .running import Kept, Outputs, run_rows

STRANDS = ["+", "-"]

RowGroups = Iterator[tuple[np.ndarray, dict[str, Any]]]
"""Of each row group which targets it holds, in their order, and its columns beside the keys."""


class Shard(NamedTuple):
    """What a job computes.

    Fields:
        backgrounds: rows of the backgrounds table.
        placed: the shard's elements in place, in the order of its rows.
        args: the model's further inputs, a row for each of `backgrounds`.
        targets: the names of each readout's targets.
        positions: how many each profile has.
        n_backgrounds: of the whole screen.
    """

    backgrounds: pd.DataFrame
    placed: list[Placed]
    args: list[torch.Tensor]
    targets: dict[str, list[str]]
    positions: dict[str, int]
    n_backgrounds: int


def read_shard(config: Config, model: str, job: str, paths: Any, controls: bool = True) -> Shard:
    """Read what a job computes.

    Args:
        config: of the screen.
        model: its name.
        job: the job's name.
        paths: with the attributes `probe`, `elements` and `backgrounds`: the files to read.
        controls: whether to place the controls among the elements too.
    """
    elements = read_table(paths.elements, ELEMENTS, rows=("element_id", within(job_labels(job)[0])))
    length = config.length
    widest = read_table(paths.elements, ELEMENTS, columns=["width"])["width"].max()
    placement = written_out(config.placement, length - int(widest))
    elements = elements if controls else motifs_and_annotations(elements)
    return shard_of(config, model, job, paths, list(place(elements, placement, length)))


def shard_of(config: Config, model: str, job: str, paths: Any, placed: list[Placed]) -> Shard:
    """What a job computes of elements in place; the other arguments are as for `read_shard`."""
    probe = json.loads(Path(paths.probe).read_text())
    backgrounds = read_table(paths.backgrounds, BACKGROUNDS)
    first, end = background_ranges(len(backgrounds), config.shards.backgrounds)[job_labels(job)[1]]
    names = backgrounds["name"].tolist()
    return Shard(
        backgrounds=backgrounds.iloc[first:end],
        placed=placed,
        args=[arg[first:end] for arg in load_inputs(config.models[model], model, len(backgrounds), names)],
        targets=probe["targets"],
        positions=probe["profile_length"],
        n_backgrounds=len(backgrounds),
    )


def within(label: str) -> Callable[[pa.ChunkedArray], pa.ChunkedArray]:
    """Gives which of some ids are those of a shard, by its label."""
    low, high = element_bounds(label)
    return lambda ids: pc.and_(pc.greater_equal(ids, low), pc.less_equal(ids, high))


@dataclass(frozen=True, eq=False)
class Sink(ABC):
    """One file of a shard: what it keeps of the outputs, and which rows that becomes.

    Fields:
        schema: of the file.
        what: it takes of a readout, in words.
        shard: whose file it is.
        key: of the outputs that it takes.
        path: of the file.
    """

    schema: ClassVar[pa.Schema]
    what: ClassVar[str]
    shard: Shard
    key: Key
    path: str

    def __str__(self) -> str:
        return f"{self.what} {self.readout}"

    @property
    def readout(self) -> str:
        """Whose outputs they are."""
        return readout_of(self.key)

    @property
    def rows_each(self) -> int:
        """How many rows a target of a placement has."""
        return 1

    @property
    def targets(self) -> list[str]:
        """The names of the readout's, in the order of the outputs."""
        return self.shard.targets[self.readout]

    @property
    def facts(self) -> dict[str, Any]:
        """What the file holds, by which the merge knows that it is whole: its rows, and the effects behind them."""
        n, n_backgrounds = len(self.shard.placed) * len(self.targets), len(self.shard.backgrounds)
        rows, effects = n * self.rows_each, n * n_backgrounds
        return {"readout": self.readout, "n_backgrounds": n_backgrounds, "rows": rows, "effects": effects}

    def blocks(self, at_once: int) -> list[np.ndarray]:
        """Which targets each row group of some placements holds: sorted by name, so many at once, at least one."""
        order, at_once = np.argsort(np.array(self.targets, dtype=object), kind="stable"), max(1, at_once)
        return [order[first : first + at_once] for first in range(0, len(order), at_once)]

    @abstractmethod
    def reduce(self, y: torch.Tensor, placed: Sequence[Placed | None]) -> torch.Tensor:
        """What is kept of the outputs of some placements, or of the backgrounds as they are, which is one: None.

        Raises:
            InputError: the outputs can not be used.
        """

    @abstractmethod
    def rows(self, before: torch.Tensor, after: torch.Tensor, placed: list[Placed]) -> RowGroups:
        """The row groups of some placements, from what was kept of the backgrounds and of these."""

    def tables(self, before: torch.Tensor, after: torch.Tensor, placed: list[Placed]) -> Iterator[pa.Table]:
        """The same with their keys, as they are written."""
        for order, columns in self.rows(before, after, placed):
            keys = key_columns(placed, [self.targets[i] for i in order], self.rows_each)
            yield pa.table({**keys, **columns}).select(self.schema.names)


def run_shard(
    sinks: Sequence[Sink],
    group: int,
    distinct: Distinct,
    outputs_before: Callable[[], Outputs],
    outputs_after: Callable[[int], Iterator[Outputs]],
    pieces: Path,
    facts: dict[str, Any],
) -> dict[str, Any]:
    """Compute a shard, each different placement once, and write its files.

    Args:
        sinks: for the files, all of one shard.
        group: placements in a row group, the same in every background shard, so that the merge can align them; where
            it is one, a row group may hold some of its targets alone.
        distinct: the different ones of its placements.
        outputs_before: gives those for the backgrounds as they are, as if these were one placement.
        outputs_after: gives those for the different placements from one on, a few at a time.
        pieces: a folder for what is computed while the shard is unfinished; removed when it is.
        facts: for the metadata of the files.

    Returns:
        How it went, as `Clock.record`.

    Raises:
        InputError: a sink can not use the outputs; the message names the background and the element.
        StoppedError: the process was told to stop; the next attempt goes on from the pieces.
    """
    shard = sinks[0].shard
    bare = outputs_before()
    # Taken out one by one, so that of a profile only what is kept of it is held from here on.
    before = {sink: sink.reduce(bare.pop(sink.key), [None]) for sink in sinks}
    with ExitStack() as stack:
        writers = {
            sink: stack.enter_context(parquet_writer(sink.path, sink.schema, {**facts, **sink.facts})) for sink in sinks
        }

        def keep(outputs: Outputs, done: int) -> Kept:
            placed = [shard.placed[i] for i in distinct.firsts[done : done + row_count(outputs)]]
            return {str(sink): sink.reduce(outputs[sink.key], placed) for sink in sinks}

        def write(after: Kept, done: int) -> None:
            placed = shard.placed[done : done + row_count(after)]
            for sink, writer in writers.items():
                for table in sink.tables(before[sink], after[str(sink)], placed):
                    write_group(writer, table)

        each, model = len(shard.backgrounds), facts["model"]
        ran = run_rows(distinct.which, each, outputs_after, keep, write, group, pieces, model)
    discard(pieces)
    return ran


def key_columns(placed: list[Placed], targets: list[str], repeat: int) -> dict[str, Any]:
    """The key columns: each placement for each target, `repeat` rows each."""
    each = len(targets) * repeat
    rows = np.repeat(np.arange(len(placed), dtype=np.int32), each)
    strand = np.array([STRANDS.index(p.strand) for p in placed], dtype=np.int32)
    target = np.tile(np.repeat(np.arange(len(targets), dtype=np.int32), repeat), len(placed))
    ids = pa.array([p.element_id for p in placed]).dictionary_encode()
    return {
        "element_id": ids.take(pa.array(rows)),
        "strand": pa.DictionaryArray.from_arrays(strand[rows], STRANDS),
        "start": np.repeat(np.array([p.start for p in placed], dtype=np.int64), each),
        "target": pa.DictionaryArray.from_arrays(target, targets),
    }


def list_column(values: np.ndarray) -> pa.ListArray:
    """A column of lists, one for each row of the last axis."""
    offsets = np.arange(0, values.size + 1, values.shape[-1], dtype=np.int32)
    return pa.ListArray.from_arrays(offsets, values.ravel())


def check_finite(what: str, y: torch.Tensor, shard: Shard, placed: Sequence[Placed | None], first: int = 0) -> None:
    """Raise for the first of some rows, (rows, ...), that is NaN or infinite.

    Rows are of each placement in each background, or of None for these as they are, from the row `first` on.
    """
    bad = ~torch.isfinite(y).flatten(1).all(dim=1)
    if bad.any():
        i = int(bad.nonzero()[0])
        placement, background = divmod(first + i, len(shard.backgrounds))
        raise InputError(
            f"{what} is {y[i][~torch.isfinite(y[i])][0].item()} for "
            f"{where(shard.backgrounds.iloc[background], placed[placement])}; fix the model or its inputs, or leave "
            f"that background out"
        )


def meaningless(y: torch.Tensor, scale: Scale) -> torch.Tensor:
    """Which of some predictions, of any shape, lie outside a scale's domain; bool of that shape.

    Both as effects are computed in jobs, and as the merge reads predictions, which are written in float32.
    """
    low, high = scale.domain
    return torch.stack([~((low < x) & (x < high)) for x in (y.double(), y.float().double())]).any(dim=0)


def where(background: pd.Series, placed: Placed | None) -> str:
    """A background and what is in it, in words."""
    what = "as it is" if placed is None else f"with element {placed.element_id} ({placed.sequence})"
    return f"background {background['background_id']} ({background['name']}) {what}"
