"""What a report shows of ablations, what is lost with the instances of each name; and of what a lab measured."""

from __future__ import annotations

from typing import Any

import numpy as np

from .....store.other_schemas import ABLATIONS_SUMMARY, MEASURED
from .....store.reading import read_table
from ..amounts import as_rows, rounded, view_names
from ..screens import Screen

MOST_NAMES = 200
"""Names shown, on all views: those of the smallest q, and of equal ones those whose difference is largest."""

CURVE = (100, 40)
"""How wide and high the picture of a calibration curve is."""

COLUMNS = ["name", "n_instances", "significant"]
NUMBERS = [
    "before_mean",
    "effect_mean",
    "elsewhere_mean",
    "difference",
    "difference_ci_low",
    "difference_ci_high",
    "fraction_beyond",
    "q_value",
]


def ablations(screen: Screen) -> dict[str, Any]:
    """Of names on all views, how many there are and how many are significant, and the rows of the first."""
    if not screen.config.elements.ablations:
        return {"rows": [], "judged": 0, "significant": 0}
    table = read_table(screen.results.table("ablations_summary"), ABLATIONS_SUMMARY)
    order = table.assign(most=-table["difference"].abs()).sort_values(["q_value", "most"], kind="stable").index
    shown = table.loc[order].head(MOST_NAMES)
    values = {"on": view_names(shown), **{name: shown[name].astype(object).tolist() for name in COLUMNS}}
    values |= {name: rounded(shown[name]) for name in NUMBERS}
    rows = as_rows(values)
    return {"rows": rows, "judged": len(table), "significant": int(table["significant"].sum())}


def measured(screen: Screen) -> list[dict[str, Any]]:
    """Of each table of measurements on all views, how far effects tell what was measured; the closest first."""
    if not screen.config.measured:
        return []
    table = read_table(screen.results.table("measured"), MEASURED)
    shown = table.loc[(-table["spearman"].abs()).sort_values(kind="stable").index].head(MOST_NAMES)
    of = [f"{column} in {file}" for file, column in zip(shown["file"], shown["column"], strict=True)]
    numbers = [name for name in MEASURED.names if name.startswith(("pearson", "spearman", "slope"))]
    values = {"on": view_names(shown), "of": of, "n": shown["n_measured"].tolist()}
    values |= {name: rounded(shown[name]) for name in numbers}
    values["curve"] = [_curve(*bins) for bins in zip(shown["bin_effect"], shown["bin_measured"], strict=True)]
    return as_rows(values)


def _curve(effect: np.ndarray, measured: np.ndarray) -> list[tuple[float, float]]:
    """The bins of a calibration curve in a picture as large as `CURVE`, each from its left and its top."""
    right, up = (
        (values - np.min(values)) / max(np.ptp(values), 1e-300) * size
        for values, size in zip((effect, measured), CURVE, strict=True)
    )
    return list(zip(right.round(1).tolist(), (CURVE[1] - up).round(1).tolist(), strict=True))
