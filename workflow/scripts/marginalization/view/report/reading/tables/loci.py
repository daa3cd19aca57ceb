"""What a report shows of loci: what is known of each, and on what of it effects depend."""

from __future__ import annotations

from typing import Any

import pyarrow.compute as pc

from .....store.other_schemas import CONTEXT, LOCI
from .....store.reading import read_table
from ..amounts import MOST_BACKGROUNDS, as_rows, rounded, view_names
from ..screens import Screen

MOST_ROWS = 100
"""Dependences shown, on all views: those of the smallest q, and of equal ones the strongest."""

NUMBERS = ["spearman", "spearman_ci_low", "spearman_ci_high", "effect_lowest", "effect_highest", "q_value"]


def loci(screen: Screen) -> dict[str, Any] | None:
    """The names of the first backgrounds and what is known of each, by its name; None where nothing is."""
    if not screen.config.has_context:
        return None
    first = "background_id", lambda numbers: pc.less(numbers, MOST_BACKGROUNDS)
    table = read_table(screen.results.table("loci"), LOCI, rows=first)
    by_covariate = dict(list(table.groupby("covariate", observed=True)))
    names = by_covariate["gc"]["name"].tolist()
    return {"names": names, "values": {str(name): rounded(rows["value"]) for name, rows in by_covariate.items()}}


def dependences(screen: Screen) -> list[dict[str, Any]]:
    """On what of their loci the effects of significant elements depend most, on all views."""
    if not screen.config.has_context:
        return []
    table = read_table(screen.results.table("context"), CONTEXT).dropna(subset=["spearman"])
    order = table.assign(most=-table["spearman"].abs()).sort_values(["q_value", "most"], kind="stable").index
    # Of annotations that share a name, the one that depends most.
    shown = table.loc[order].drop_duplicates(["model", "readout", "target", "name", "covariate"]).head(MOST_ROWS)
    values = {
        "on": view_names(shown),
        "name": shown["name"].tolist(),
        "covariate": shown["covariate"].astype(str).tolist(),
    }
    values |= {"n_loci": shown["n_loci"].tolist(), **{name: rounded(shown[name]) for name in NUMBERS}}
    return as_rows(values)
