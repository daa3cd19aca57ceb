"""A screen to report: which elements are shown, and how what is read of its tables is cut and rounded.

The strongest elements are shown, by their best rank on any target: `MOST_ELEMENTS` in the table, and as many of them as
`MOST_NUMBERS` allows with what is known of each background, control and position. Numbers are rounded, to keep the
report small; the tables hold them all.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from ..config import readouts_of
from ..results import KEYS
from ..scales import Scale, scale_of

MOST_ELEMENTS = 5000
MOST_DETAILS = 1000
MOST_NUMBERS = 400_000
"""Of details, for each of: effects by background, by control, profiles, positions, and attributions."""
MOST_BACKGROUNDS = 100

NUMBERS = {
    "effect": "effect_mean",
    "low": "effect_ci_low",
    "high": "effect_ci_high",
    "z": "control_z",
    "q": "control_q",
    "significant": "significant",
    "agree": "n_models_agree",
    "n_models": "n_models",
}


class Screen(NamedTuple):
    """A results folder, and what is read of it more than once.

    Fields:
        results: the folder.
        config: as resolved.
        summary: rows of elements that are no controls.
        views: a row for each model (or group), readout and target, in the order of the summary.
        shown: the element_ids in the report, strongest first.
        detailed: the first of these, with details.
        index: where each of `shown` stands in it.
        places: of the summary's rows, for each view, element and strand that at the start with the best rank.
    """

    results: Path
    config: dict[str, Any]
    summary: pd.DataFrame
    views: pd.DataFrame
    shown: list[str]
    detailed: list[str]
    index: dict[str, int]
    places: pd.DataFrame


def read_screen(results: Path, config: dict[str, Any]) -> Screen:
    """The summary but for controls, and which elements to show."""
    columns = [*KEYS, "element_id", "strand", "start", "name", "kind", "sequence", "n_backgrounds"]
    columns += [*NUMBERS.values(), "rank", "p_value", "control_p"]
    dataset = ds.dataset(results / "summary.parquet")
    ranked = dataset.to_table(["element_id", "rank"], filter=pc.field("rank").is_valid())
    best = ranked.group_by("element_id").aggregate([("rank", "min")]).to_pandas()
    shown = best.sort_values(["rank_min", "element_id"])["element_id"].head(MOST_ELEMENTS).tolist()
    table = dataset.to_table(columns, filter=pc.field("element_id").isin(shown))
    summary = table.to_pandas().astype(dict.fromkeys([*KEYS, "strand", "kind"], str))
    found = summary[KEYS].drop_duplicates(ignore_index=True)
    summary["view"] = summary.merge(found.reset_index(), on=KEYS)["index"].to_numpy()
    n_strands = summary["strand"].nunique()
    each = len(found) * n_strands * min(MOST_BACKGROUNDS, int(summary["n_backgrounds"].iloc[0]))
    detailed = shown[: min(MOST_DETAILS, room(each))]
    index = {element_id: i for i, element_id in enumerate(shown)}
    order = summary.sort_values(["view", "element_id", "strand", "rank"], kind="stable")
    places = order.drop_duplicates(["view", "element_id", "strand"])
    return Screen(results, config, summary, found, shown, detailed, index, places)


def rows_of(screen: Screen, view: Any, columns: list[str], rows: pc.Expression) -> pa.Table:
    """Columns of the whole summary, for one view and some of its rows."""
    for key in KEYS:
        rows &= pc.field(key) == getattr(view, key)
    return ds.dataset(screen.results / "summary.parquet").to_table(columns, filter=rows)


def values_of(screen: Screen, view: Any, column: str, rows: pc.Expression) -> np.ndarray:
    """The values of one such column that are not missing."""
    return rows_of(screen, view, [column], rows)[column].drop_null().to_numpy()


def room(each: int) -> int:
    """Of how many elements there is room for so many numbers."""
    return max(1, MOST_NUMBERS // each)


def scale_in(config: dict[str, Any], readout: str) -> Scale:
    """The scale of a readout's effects."""
    return scale_of(readouts_of(config)[readout])


def rounded(values: Any) -> Any:
    """Numbers with four significant digits, None where they are missing; other values as they are."""
    if values is None or isinstance(values, str):
        return values
    if np.ndim(values) == 0:
        return rounded([values])[0]
    found = []
    for value in list(values):
        if value is None or value is pd.NA or (isinstance(value, float | np.floating) and not np.isfinite(value)):
            found.append(None)
        elif isinstance(value, bool | np.bool_):
            found.append(bool(value))
        elif isinstance(value, int | np.integer):
            found.append(int(value))
        elif isinstance(value, float | np.floating):
            found.append(float(f"{value:.4g}"))
        else:
            found.append(value)
    return found
