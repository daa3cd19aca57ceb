"""Copies: how the effect of a motif grows with the number of its copies side by side."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ...store.other_schemas import COPIES
from ...store.reading import read_table
from ...store.schemas import SUMMARY

KEYS = ["model", "readout", "target"]
CURVE = ["motif", "orientation", "distance"]


def curves(arrangements: pd.DataFrame) -> pd.DataFrame:
    """The arrangements that are copies of one motif, as far apart, in one orientation, where one copy is screened too.

    Args:
        arrangements: as `read_arrangements` gives them.

    Returns:
        `CURVE`, n_copies and element_id, in the order of the table, curve by curve from one copy on.
    """
    rows = []
    for row in arrangements.itertuples(index=False):
        if all(len(set(values)) <= 1 for values in (row.motifs, row.distances, row.orientation)):
            distance = int(row.distances[0]) if len(row.distances) else None
            rows.append((row.motifs[0], row.orientation[0], distance, row.n_motifs, row.element_id))
    table = pd.DataFrame(rows, columns=[*CURVE, "n_copies", "element_id"])
    # One copy has no distance, and is the first of the curves of all.
    alone, several = (table[of] for of in (table["n_copies"] == 1, table["n_copies"] > 1))
    each = several[CURVE].drop_duplicates()
    ones = each.merge(alone.drop(columns="distance"), on=["motif", "orientation"])
    several = several.merge(ones[CURVE], on=CURVE)
    order = each.assign(curve=range(len(each)))
    found = pd.concat([ones, several]).merge(order, on=CURVE).sort_values(["curve", "n_copies"], kind="stable")
    return found[[*CURVE, "n_copies", "element_id"]].reset_index(drop=True)


def merge_copies(summary: str, arrangements: pd.DataFrame, ratios: Collection[str]) -> pd.DataFrame:
    """The rows of copies.parquet, sorted by `KEYS`, then curve by curve, by strand and start, and by number of copies.

    With the mean effects e(n) of n copies, `over_one` is e(n) / e(1), and `over_expected` e(n) / (n e(1)), one where
    copies add up; of ratios e(n) / e(1)^n, one where they multiply. NaN where one copy does nothing.

    Args:
        summary: path of the summary.
        arrangements: as for `curves`.
        ratios: the readouts whose effects are ratios.
    """
    copies = curves(arrangements)
    ids = pa.array(copies["element_id"].unique().astype(object), pa.string())
    columns = [*KEYS, "element_id", "strand", "start", "effect_mean", "effect_ci_low", "effect_ci_high"]
    rows = read_table(summary, SUMMARY, columns, ("element_id", lambda column: pc.is_in(column, ids)))
    rows = rows.astype(dict.fromkeys([*KEYS, "element_id", "strand"], "str"))
    # A centred element of another width has another start.
    rows["place"] = rows.groupby([*KEYS, "element_id", "strand"], sort=False).cumcount()
    table = rows.merge(copies.assign(row=range(len(copies))), on="element_id")
    ones = table.loc[table["n_copies"] == 1, [*KEYS, *CURVE, "strand", "place", "effect_mean"]]
    table = table.merge(ones.rename(columns={"effect_mean": "one"}), on=[*KEYS, *CURVE, "strand", "place"])
    multiply = table["readout"].isin(ratios)
    one, n = table["one"].where(table["one"] != 0), table["n_copies"]
    expected = np.where(multiply, one**n, one * n)
    table = table.assign(over_one=table["effect_mean"] / one, over_expected=table["effect_mean"] / expected)
    first_row = table.groupby(CURVE)["row"].transform("min")
    table = table.assign(curve=first_row).sort_values([*KEYS, "curve", "strand", "place", "n_copies"], kind="stable")
    return table[COPIES.names]
