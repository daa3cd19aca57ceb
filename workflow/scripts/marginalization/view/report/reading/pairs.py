"""What a report shows of the verdicts on pairs of motifs."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ....store.reading import read_table
from ....store.schemas import PAIRS_SUMMARY
from .amounts import rounded
from .screens import Screen

MOST_PAIRS = 200
"""Pairs of motifs shown, on all views: those of the smallest pair_p, or without controls those that do most."""

COLUMNS = ["first", "second", "distance", "orientation", "spacing"]
NUMBERS = ["cooperativity", "cooperativity_ci_low", "cooperativity_ci_high", "pair_q"]


def pair_verdicts(screen: Screen) -> dict[str, Any]:
    """Of pairs of motifs on all views, how many are judged and significant, and the rows of the first."""
    if not screen.config.elements.pairs:
        return {"rows": [], "judged": 0, "significant": 0}
    table = read_table(screen.results.table("pairs_summary"), PAIRS_SUMMARY)
    judged = table["significant"].dropna().astype(bool)
    order = table.assign(most=-table["cooperativity"].abs()).sort_values(["pair_p", "most"], kind="stable").index
    shown = table.loc[order].head(MOST_PAIRS)
    on = shown[["model", "readout", "target"]].astype(str).agg(" · ".join, axis=1)
    values = {"on": on.tolist(), **{name: shown[name].astype(object).tolist() for name in COLUMNS}}
    values["spacing"] = ["" if pd.isna(spacing) else spacing for spacing in values["spacing"]]
    values |= {name: rounded(shown[name]) for name in NUMBERS}
    rows = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
    return {"rows": rows, "judged": len(judged), "significant": int(judged.sum())}
