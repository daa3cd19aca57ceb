"""A screen to report: which views and elements are shown, and what is read of its summary.

That is read twice, a view at a time: to find the strongest elements, and to keep of each view what is shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ....config.checks import readouts_of
from ....config.sections import Config
from ....statistics.scales import Scale
from ....store.other_schemas import CLUSTERS
from ....store.paths import Results
from ....store.reading import read_table
from ....store.schemas import ELEMENTS
from ...results import KEYS, View, by_view, read_annotations
from .amounts import MOST_ELEMENTS, MOST_VIEWS, amounts
from .views import COLUMNS, PLACED, Shown, ViewRows, view_rows


class Screen(NamedTuple):
    """A screen's results, and what is read of its summary.

    Fields:
        results: where they lie.
        config: as resolved.
        shown: which views and elements.
        views: what is kept of each view.
        places, scan, controls: those of all views, with the view's number and its `KEYS`.
    """

    results: Results
    config: Config
    shown: Shown
    views: list[ViewRows]
    places: pd.DataFrame
    scan: pd.DataFrame
    controls: pd.DataFrame


def read_screen(results: Results, config: Config) -> Screen:
    """What is shown of a screen."""
    shown = _shown(results)
    clusters = clusters_by_view(results, set(shown.views))
    rows_by_view = by_view(results.table("summary"), COLUMNS, set(shown.views).__contains__)
    controls = asdict(config.elements.controls) if config.elements.controls else None
    views = [
        view_rows(rows, shown, next(clusters), scale_in(config, readout).neutral, controls)
        for (_, readout, _), rows in rows_by_view
    ]
    tables = [_together([getattr(view, name) for view in views], shown) for name in ("places", "scan", "controls")]
    return Screen(results, config, shown, views, *tables)


def clusters_by_view(results: Results, views: set[View]) -> Iterator[pd.DataFrame]:
    """The rows of clusters.parquet on one view after another; none of a screen without motifs."""
    path = results.table("clusters")
    if not path.is_file():
        yield from (pd.DataFrame() for _ in views)
        return
    columns = [name for name in CLUSTERS.names if name not in ("model", "readout", "target", "members")]
    for _, rows in by_view(path, columns, views.__contains__):
        yield rows.to_pandas()


def _together(tables: list[pa.Table], shown: Shown) -> pd.DataFrame:
    """The tables of all views in one."""
    number = np.repeat(np.arange(len(tables)), [len(table) for table in tables])
    keys = dict(zip(KEYS, np.array(shown.views, dtype=object)[number].T, strict=True))
    return pa.concat_tables(tables).unify_dictionaries().to_pandas().assign(view=number, **keys)


def _shown(results: Results) -> Shown:
    """What is shown: the elements of the best rank on any view, those of equal ones by their ranks on all views."""
    path = results.table("elements")
    elements = read_table(path, ELEMENTS, columns=["element_id", "kind", "control_of"])
    ids = pd.Index(elements["element_id"])
    best, closeness = np.full(len(ids), np.inf), np.zeros(len(ids))
    views, significant = [], []
    each: dict[str, int] = {}
    for view, rows in by_view(results.table("summary"), [*PLACED, "rank", "significant", "n_backgrounds"]):
        views.append(view)
        significant.append(pc.sum(rows["significant"]).as_py() or 0)
        each = each or _rows_each(rows)
        rows = rows.filter(rows["rank"].is_valid())
        here = np.full(len(ids), np.inf)
        np.minimum.at(here, ids.get_indexer(rows["element_id"].to_pandas()), rows["rank"].to_numpy())
        best = np.minimum(best, here)
        closeness += 1 / here
    order = np.lexsort((-closeness, best))[: min(MOST_ELEMENTS, int(np.isfinite(best).sum()))]
    chosen = sorted(np.argsort(-np.array(significant), kind="stable")[:MOST_VIEWS])
    table = read_table(path, ELEMENTS, rows=("element_id", lambda known: pc.is_in(known, pa.array(ids[order]))))
    number = np.full(len(ids), -1)
    number[order] = np.arange(len(order))
    found = amounts(len(chosen), len(order), **each)
    parent = np.r_[number, -1][ids.get_indexer(elements["control_of"])]
    parent[parent >= found.detailed] = -1
    return Shown(
        views=[views[i] for i in chosen],
        n_views=len(views),
        elements=table.set_index("element_id").loc[ids[order]],
        amounts=found,
        ids=ids,
        number=number,
        parent=parent,
        kind=elements["kind"].to_numpy(dtype=object),
        sites=read_annotations(results)[["name", "element_id"]].drop_duplicates(),
        n_backgrounds=each["n_backgrounds"],
    )


def _rows_each(rows: pa.Table) -> dict[str, int]:
    """How many strands, starts and backgrounds each element of a view has."""
    n_strands = len(pc.unique(rows["strand"]))
    first = rows.filter(pc.equal(rows["element_id"], rows["element_id"][0]))
    return {
        "n_strands": n_strands,
        "n_starts": len(first) // n_strands,
        "n_backgrounds": rows["n_backgrounds"][0].as_py(),
    }


def scale_in(config: Config, readout: str) -> Scale:
    """The scale of a readout's effects."""
    return readouts_of(config)[readout].scale
