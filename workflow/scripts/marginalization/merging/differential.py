"""Differences: the effects of one model, ensemble or target less those of another, in the same backgrounds.

With the effects e of an element in a background, by the first side and by the second,

    difference = e(first) / s(first) - e(second) / s(second)

where s is 1, or where a comparison is `scaled` the standard deviation of a side's controls within their families. The
controls of an element go through the same, so they carry how differently the two sides scale and what its letters do to
each of them in any order; among them the element is tested, as its effects are in the summary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ..config.sections import Comparison, Readout
from ..errors import InputError
from ..statistics.families import Families
from ..statistics.nulls import compare, control_spread
from ..statistics.summary import signed_rank, spread
from ..store.files import parquet_writer
from ..store.schemas import DIFFERENTIAL
from .parts import Screened
from .spilled import spilled_effects

AT_ONCE = 2**20
"""About how many effects of a side are in memory at a time."""

ROWS = 2**17
"""Rows written at a time."""


class Match(NamedTuple):
    """Parts of two sides that lie side by side, and the pairs of their targets that are compared.

    Fields:
        first, second: the parts; the same for two targets of one model.
        targets: by the names that the table has for a pair: model, readout and target.
    """

    first: Screened
    second: Screened
    targets: list[tuple[dict[str, str | None], str, str]]


def merge_differential(
    comparisons: Sequence[Comparison],
    screened: list[Screened],
    placed: pd.DataFrame,
    among: Families,
    readouts: dict[str, Readout],
    path: str,
    facts: dict[str, Any],
) -> None:
    """Write the table of differences.

    Args:
        comparisons: the section `compare` of the config; at least one.
        screened, placed, among, readouts, facts: as for `merge_effects`.
        path: of the table.

    Raises:
        InputError: two sides have nothing in common, or a file of a shard is missing, damaged, or not of this screen.
    """
    needed = placed["kind"].isin(["motif", "annotation", "control"]).to_numpy()
    rows = placed[needed]
    of_elements = needed.reshape(len(among.family), -1)[:, 0]
    among = among._replace(is_control=among.is_control[of_elements], family=among.family[of_elements])
    folder = Path(path).parent
    with parquet_writer(path, DIFFERENTIAL, facts) as writer:
        for i, comparison in enumerate(comparisons):
            sides = {side: getattr(comparison, side) for side in ("first", "second")}
            for match in _matches(comparison, f"compare[{i}]", screened):
                scale = readouts[match.first.readout].scale
                with ExitStack() as stack:
                    first = second = stack.enter_context(spilled_effects(match.first, scale, needed, folder))
                    if match.second is not match.first:
                        second = stack.enter_context(spilled_effects(match.second, scale, needed, folder))
                    for names, *targets in match.targets:
                        effects = [
                            spilled[item.targets.index(target)]
                            for spilled, item, target in zip((first, second), match[:2], targets, strict=True)
                        ]
                        found = _statistics(effects, among, comparison.scaled, f"compare[{i}]")
                        found |= {**sides, **names, "n_backgrounds": effects[0].shape[1]}
                        _write(writer, rows, found)


def _write(writer: pq.ParquetWriter, rows: pd.DataFrame, found: dict[str, Any]) -> None:
    """Write `rows` with further columns, or one value for all rows, by name."""
    for first in range(0, len(rows), ROWS):
        part = slice(first, first + ROWS)
        own = {name: values if np.ndim(values) == 0 else values[part] for name, values in found.items()}
        table = rows.iloc[part].assign(**own)
        writer.write_table(pa.Table.from_pandas(table, schema=writer.schema, preserve_index=False))


def _matches(comparison: Comparison, place: str, screened: list[Screened]) -> Iterator[Match]:
    """Two targets within each model and group, or two of these at each target that both have."""
    first, second = comparison.first, comparison.second
    if comparison.readout:
        for item in screened:
            if item.readout == comparison.readout:
                for target in (first, second):
                    if target not in item.targets:
                        raise InputError(
                            f"config: {place}: {item.readout} of {item.model} has no target {target}; there are "
                            f"{', '.join(item.targets[:8])}{', ...' if len(item.targets) > 8 else ''}"
                        )
                names = {"model": item.model, "readout": item.readout, "target": None}
                yield Match(item, item, [(names, first, second)])
        return
    others = {item.readout: item for item in screened if item.model == second}
    mine = [(item, others[item.readout]) for item in screened if item.model == first and item.readout in others]
    matches = [
        Match(
            item,
            other,
            [({"model": None, "readout": item.readout, "target": target}, target, target) for target in shared],
        )
        for item, other in mine
        if (shared := [target for target in item.targets if target in other.targets])
    ]
    if not matches:
        raise InputError(
            f"config: {place}: {first} and {second} have no target in common; give readouts the same names"
        )
    yield from matches


def _statistics(effects: list[np.ndarray], among: Families, scaled: bool, place: str) -> dict[str, Any]:
    """The columns of one comparison (placements,), from both sides' effects (placements, backgrounds)."""
    n_elements = len(among.family)
    at_once = max(1, AT_ONCE // effects[0].shape[1])
    blocks = [slice(first, first + at_once) for first in range(0, len(effects[0]), at_once)]
    means = [np.concatenate([np.array(side[block]).mean(axis=1) for block in blocks]) for side in effects]
    units = [1.0, 1.0]
    if scaled:
        units = [control_spread(mean.reshape(n_elements, -1), among) for mean in means]
        if not min(units) > 0:
            raise InputError(f"config: {place}: the controls of one side all have the same effect; drop scaled")
    parts = []
    for block in blocks:
        values = effects[0][block] / units[0] - effects[1][block] / units[1]
        mean, std, _, low, high = spread(values)
        parts.append(
            {
                "difference": mean,
                "difference_std": std,
                "difference_ci_low": low,
                "difference_ci_high": high,
                "p_value": signed_rank(values),
            }
        )
    found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    p_value, difference = (found[name].reshape(n_elements, -1) for name in ("p_value", "difference"))
    told = {"effect_first": means[0], "effect_second": means[1], "unit_first": units[0], "unit_second": units[1]}
    return {**told, **found, **compare(p_value, difference, among)}
