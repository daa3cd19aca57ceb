"""What a report shows of the differences between models, groups or targets."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..amounts import as_rows, rounded
from ..screens import Screen

SIDES = ["first", "second", "model", "readout", "target"]

MOST_COMPARISONS = 40
MOST_ROWS = 12
"""Elements shown of a comparison: those that differ most from their controls, each where it does most."""

NUMBERS = ["effect_first", "effect_second", "difference", "difference_ci_low", "difference_ci_high"]
AMONG = ["control_t", "element_q", "significant"]


def comparisons(screen: Screen) -> list[dict[str, Any]]:
    """The comparisons of a screen: their sides, how many elements differ, and the rows of the strongest."""
    if not screen.config.compare:
        return []
    by_sides = itertools.groupby(_pieces(screen), key=operator.itemgetter(0))
    found = (_comparison(sides, pd.concat(rows for _, rows in pieces)) for sides, pieces in by_sides)
    return list(itertools.islice(found, MOST_COMPARISONS))


def _pieces(screen: Screen) -> Iterator[tuple[tuple, pd.DataFrame]]:
    """The rows of motifs and annotations in one comparison after another, some at a time."""
    file = pq.ParquetFile(screen.results.table("differential"))
    for group in range(file.num_row_groups):
        rows = file.read_row_group(group, columns=[*SIDES, "element_id", "name", "kind", *NUMBERS, *AMONG])
        table = rows.filter(pc.not_equal(rows["kind"], "control")).to_pandas().astype(dict.fromkeys(SIDES, object))
        for sides, own in table.groupby(SIDES, sort=False, dropna=False):
            yield tuple("" if pd.isna(side) else side for side in sides), own


def _comparison(sides: tuple, rows: pd.DataFrame) -> dict[str, Any]:
    first, second, *of = sides
    by = "difference" if rows["control_t"].isna().all() else "control_t"
    strongest = rows.loc[rows[by].abs().sort_values(ascending=False, kind="stable").index].drop_duplicates("element_id")
    judged = strongest["significant"].dropna().astype(bool)
    shown = strongest.head(MOST_ROWS).rename(columns={"element_q": "q"})
    columns = {"name": shown["name"].tolist(), **{name: rounded(shown[name]) for name in [*NUMBERS, "q"]}}
    return {
        "first": first,
        "second": second,
        "on": " · ".join(filter(None, of)),
        "judged": len(judged),
        "significant": int(judged.sum()),
        "rows": as_rows(columns),
    }
