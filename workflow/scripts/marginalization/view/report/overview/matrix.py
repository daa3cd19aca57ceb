"""What acts, on each target: a matrix of effects, for a heat map."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ....store.paths import Results
from ....store.reading import read_table
from ....store.schemas import MOTIFS
from ...findings import factor
from ..reading.amounts import as_rows, rounded
from ..reading.screens import Screen, scale_in
from ..reading.similarity import clusters_of

HEAT_MAP_ROWS = 40
HEAT_MAP_VIEWS = 60
CLIPPED = 0.9
"""The quantile of a target's effects that has the full colour, so that one far out does not bleach the others."""


def motif_rows(results: Results, element_ids: list[str]) -> pd.DataFrame:
    """The first motif that each element is, by its element_id."""
    rows = ("element_id", lambda ids: pc.is_in(ids, pa.array(element_ids)))
    table = read_table(results.table("motifs"), MOTIFS, rows=rows)
    return table.drop_duplicates("element_id").set_index("element_id")


def heat_map(screen: Screen) -> list[dict[str, Any]]:
    """What acts on any view, on all: the strongest member of each finding, like motifs together.

    A value is an effect over the `CLIPPED` quantile of its view, and at most 1. Where nothing acts they are the
    strongest elements; of many views those on which most elements are significant are there.
    """
    views = sorted(np.argsort([-view.significant for view in screen.views], kind="stable")[:HEAT_MAP_VIEWS])
    names = _shown(screen, views)
    some = names.index.tolist()
    rows = screen.places.sort_values("rank", kind="stable").drop_duplicates(["view", "element"])
    rows = rows[rows["element_id"].isin(some) & rows["view"].isin(views)]
    neutral = np.array([scale_in(screen.config, readout).neutral for _, readout, _ in screen.shown.views])
    rows = rows.assign(distance=rows["effect_mean"] - neutral[rows["view"]])
    wide = rows.pivot(index="element_id", columns="view", values="distance").loc[some]
    full = wide.abs().quantile(CLIPPED)
    wide = (wide / full.where(full > 0, wide.abs().max())).clip(-1, 1)
    clusters = clusters_of(some, motif_rows(screen.results, some)["matrix"], wide.fillna(0).to_numpy())
    cells = rows.set_index(["element_id", "view"]).assign(value=wide.stack(future_stack=True))
    cells = cells.reindex(pd.MultiIndex.from_product([[element_id for element_id, _ in clusters], views]))
    values = {"value": "value", "effect": "effect_mean", "q": "element_q"}
    columns = {
        "name": [names[element_id] for element_id, _ in cells.index],
        "view": [int(view) for _, view in cells.index],
        **{name: rounded(cells[column]) for name, column in values.items()},
        "group": [first and names[first] for _, first in clusters for _ in views],
    }
    return as_rows(columns)


def _shown(screen: Screen, views: list[int]) -> pd.Series:
    """What a heat map calls its elements, by element_id, strongest first; no two alike."""
    everywhere = screen.shown.elements.iloc[: screen.shown.amounts.everywhere]
    numbers: set[int] = set()
    for view in views:
        numbers |= {*screen.views[view].acting["number"].tolist()}
    acting = everywhere.iloc[sorted(number for number in numbers if 0 <= number < len(everywhere))]
    shown = acting if len(acting) else everywhere.drop_duplicates("name")  # of sites that share a name the strongest
    names = shown.head(HEAT_MAP_ROWS)["name"].map(factor)
    sites = shown.head(HEAT_MAP_ROWS)["kind"] == "annotation"
    names = names.where(~sites, names + ", site")
    again = names.groupby(names).cumcount()
    return names.where(again == 0, names + " " + (again + 1).astype(str))
