"""What the report shows of the strongest elements alone: each background, control, position, and attribution."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from ..reading import read_table
from ..results import KEYS
from ..tables import ELEMENTS
from .screens import MOST_BACKGROUNDS, NUMBERS, Screen, room, rounded

PROFILE_FLANK = 100


def details(screen: Screen) -> dict[str, Any]:
    """Predictions for each background without and with the detailed elements, and mean effects of their controls."""
    places = screen.places
    places = places[places["element_id"].isin(screen.detailed)]
    keys = [*KEYS, "element_id", "strand", "start"]
    data = ds.dataset(screen.results / "effects", partitioning="hive")
    wanted = pc.field("element_id").isin(screen.detailed) & (pc.field("background_id") < MOST_BACKGROUNDS)
    rows = data.to_table(filter=wanted).to_pandas().astype(dict.fromkeys([*KEYS, "element_id", "strand"], str))
    rows = rows.merge(places[[*keys, "view"]], on=keys).sort_values("background_id", kind="stable")
    before = {int(view): rounded(of.drop_duplicates("background_id")["before"]) for view, of in rows.groupby("view")}
    after: dict[str, list[float]] = {}
    for (view, element_id, strand), of in rows.groupby(["view", "element_id", "strand"]):
        after[f"{view}/{screen.index[element_id]}/{strand}"] = rounded(of["after"])
    return {"before": before, "after": after, "controls": _controls(screen, places)}


def _controls(screen: Screen, places: pd.DataFrame) -> dict[str, list[float]]:
    """The mean effects of the controls of each detailed element, placed alike."""
    table = read_table(
        screen.results / "elements.parquet",
        ELEMENTS,
        columns=["element_id", "control_of"],
        rows=("control_of", lambda ids: pc.is_in(ids, pa.array(screen.detailed))),
    )
    parents = dict(zip(table["element_id"], table["control_of"], strict=True))
    if not parents:
        return {}
    summary = pd.read_parquet(
        screen.results / "summary.parquet",
        columns=[*KEYS, "element_id", "strand", "start", "effect_mean"],
        filters=[("element_id", "in", list(parents))],
    ).astype(dict.fromkeys([*KEYS, "strand"], str))
    summary["element_id"] = summary["element_id"].map(parents)
    rows = summary.merge(places[[*KEYS, "element_id", "strand", "start", "view"]])
    found = rows.groupby(["view", "element_id", "strand"])["effect_mean"]
    return {f"{view}/{screen.index[element]}/{strand}": rounded(of) for (view, element, strand), of in found}


def scan(screen: Screen) -> dict[str, list[Any]] | None:
    """Columns: the effect of detailed elements at every start, where there are several."""
    if screen.summary.groupby("element_id")["start"].nunique().max() == 1:
        return None
    n_rows = len(screen.summary) // len(screen.shown)
    some = screen.detailed[: room(4 * n_rows)]
    table = screen.summary[screen.summary["element_id"].isin(some)]
    columns = {"view": table["view"], "element": table["element_id"].map(screen.index), "strand": table["strand"]}
    columns |= {name: table[column] for name, column in [("start", "start"), *list(NUMBERS.items())[:3]]}
    return {name: rounded(values) for name, values in columns.items()}


def profiles(screen: Screen) -> dict[str, Any] | None:
    """Mean profiles, by view that of the backgrounds, and around the detailed elements those with them.

    Positions are those of the backgrounds.
    """
    path = screen.results / "profiles.parquet"
    if not path.is_file():
        return None
    places = screen.places.drop_duplicates(["view", "element_id"])
    places = places[places["element_id"].isin(screen.detailed)]
    n_profile_views = screen.views["readout"].isin(_profile_readouts(screen.config)).sum()
    some = screen.detailed[: room(2 * PROFILE_FLANK * n_profile_views)]
    keys = [*KEYS, "element_id", "strand", "start"]
    columns = [*keys, "before", "after"]
    table = pd.read_parquet(path, columns=columns, filters=[("element_id", "in", some)])
    table = table.astype(dict.fromkeys([*KEYS, "strand"], str)).merge(places[[*keys, "view", "sequence"]], on=keys)
    before: dict[int, Any] = {}
    after: dict[str, Any] = {}
    for row in table.itertuples():
        cropped = (screen.config["backgrounds"]["length"] - len(row.after)) // 2
        if row.view not in before:
            before[row.view] = {"first": cropped, "values": rounded(row.before)}
        centre = row.start + len(row.sequence) // 2
        around = centre - cropped + np.array([-PROFILE_FLANK, PROFILE_FLANK])
        first, end = (int(x) for x in around.clip(0, len(row.after)))
        values = {"first": first + cropped, "centre": centre, "values": rounded(row.after[first:end])}
        after[f"{row.view}/{screen.index[row.element_id]}"] = {"strand": row.strand, **values}
    return {"before": before, "after": after}


def _profile_readouts(config: dict[str, Any]) -> list[str]:
    return [name for name, readout in config["readouts"].items() if "profile" in readout]


def attributions(screen: Screen) -> dict[str, Any] | None:
    """Mean attributions around the detailed elements, by view."""
    path = screen.results / "attributions.parquet"
    if not path.is_file() or "attributions" not in screen.config:
        return None
    some = screen.detailed[: room(2 * screen.config["attributions"]["window"] * len(screen.views))]
    places = screen.places.drop_duplicates(["view", "element_id"])
    keys = [*KEYS, "element_id", "strand", "start"]
    table = pd.read_parquet(path, filters=[("element_id", "in", some)]).astype(dict.fromkeys([*KEYS, "strand"], str))
    table = table.merge(places[[*keys, "view"]], on=keys)
    return {
        f"{row.view}/{screen.index[row.element_id]}": {
            "first": int(row.window_start),
            "strand": row.strand,
            "before": rounded(row.before),
            "after": rounded(row.after),
        }
        for row in table.itertuples()
    }
