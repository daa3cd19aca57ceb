"""What a report shows of ablations: for each name what is lost where its instances are replaced in their own loci."""

from __future__ import annotations

from typing import Any

from ....store.ablation_schemas import ABLATIONS_SUMMARY
from ....store.reading import read_table
from .amounts import rounded
from .screens import Screen

MOST_NAMES = 200
"""Names shown, on all views: those of the smallest q, and of equal ones those whose difference is largest."""

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
    on = shown[["model", "readout", "target"]].astype(str).agg(" · ".join, axis=1)
    values = {"on": on.tolist(), **{name: shown[name].astype(object).tolist() for name in COLUMNS}}
    values |= {name: rounded(shown[name]) for name in NUMBERS}
    rows = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
    return {"rows": rows, "judged": len(table), "significant": int(table["significant"].sum())}
