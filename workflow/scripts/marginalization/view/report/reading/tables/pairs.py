"""What a report shows of pairs of motifs, of longer arrangements, and of copies of one motif."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from .....config.checks import readouts_of
from .....store.other_schemas import COPIES
from .....store.reading import read_table
from .....store.schemas import ARRANGEMENTS, PAIRS_SUMMARY, SUMMARY
from ....results import KEYS
from ..amounts import as_rows, rounded, view_names
from ..screens import Screen

MOST_PAIRS = 200
"""Pairs of motifs shown, on all views: those of the smallest pair_p, or without controls those that do most."""

COLUMNS = ["first", "second", "distance", "orientation", "spacing"]
MOST_COPIES = 5000
EFFECT = ["effect_mean", "effect_ci_low", "effect_ci_high"]
NUMBERS = ["cooperativity", "cooperativity_ci_low", "cooperativity_ci_high", "pair_q"]


def pair_verdicts(screen: Screen) -> dict[str, Any]:
    """Of pairs of motifs on all views, how many are judged and significant, and the rows of the first."""
    if not screen.config.elements.pairs:
        return {"rows": [], "judged": 0, "significant": 0}
    table = read_table(screen.results.table("pairs_summary"), PAIRS_SUMMARY)
    judged = table["significant"].dropna().astype(bool)
    neutral = {name: readout.scale.neutral for name, readout in readouts_of(screen.config).items()}
    most = -(table["cooperativity"] - table["readout"].astype("str").map(neutral)).abs()
    order = table.assign(most=most).sort_values(["pair_p", "most"], kind="stable").index
    shown = table.loc[order].head(MOST_PAIRS)
    values = {"on": view_names(shown), **{name: shown[name].astype(object).tolist() for name in COLUMNS}}
    values["spacing"] = ["" if pd.isna(spacing) else spacing for spacing in values["spacing"]]
    values |= {name: rounded(shown[name]) for name in NUMBERS}
    rows = as_rows(values)
    return {"rows": rows, "judged": len(judged), "significant": int(judged.sum())}


def arrangements(screen: Screen) -> list[dict[str, Any]]:
    """Of arrangements and copies, in the config's order, their effects on all views, on the first strand and start."""
    if not screen.config.elements.arrangements:
        return []
    table = read_table(screen.results.table("arrangements"), ARRANGEMENTS)
    ids = table["element_id"].unique().tolist()
    columns = ["model", "readout", "target", "element_id", "strand", "start", *EFFECT]
    summary = read_table(
        screen.results.table("summary"), SUMMARY, columns, ("element_id", lambda of: pc.is_in(of, pa.array(ids)))
    )
    first = summary.drop_duplicates(["model", "readout", "target", "element_id"])
    shown = table.merge(first, on="element_id").sort_values(
        ["model", "readout", "target", "arrangement_id"], kind="stable"
    )
    shown = shown.head(MOST_PAIRS)
    values = {"on": view_names(shown), **{name: shown[name].astype(object).tolist() for name in ("name", "n_motifs")}}
    values |= {name: rounded(shown[name]) for name in EFFECT}
    return as_rows(values)


def copies(screen: Screen) -> list[dict[str, Any]]:
    """How effects grow with the number of copies, on the first strand and start, and what is expected of them."""
    path = screen.results.table("copies")
    if not path.is_file() or not screen.config.elements.arrangements:
        return []
    table = read_table(path, COPIES).astype(dict.fromkeys([*KEYS, "orientation", "strand"], "str"))
    table["view"] = pd.MultiIndex.from_frame(table[KEYS]).map({view: i for i, view in enumerate(screen.shown.views)})
    table = table[table["view"].notna()].astype({"view": int})
    table = table[table["strand"] == table["strand"].min()]
    table = table[table["start"].groupby(table["element_id"]).transform("min") == table["start"]]
    # All views of a motif before the next one.
    table["motif"] += table["orientation"]
    order = table["motif"].map({motif: i for i, motif in enumerate(table["motif"].unique())})
    table = table.loc[order.sort_values(kind="stable").index].head(MOST_COPIES).sort_values("view", kind="stable")
    columns = {"effect": "effect_mean", "low": "effect_ci_low", "high": "effect_ci_high"}
    columns |= {name: name for name in ("over_one", "over_expected")}
    values = {name: table[name].tolist() for name in ("view", "motif", "distance")}
    values |= {"n": table["n_copies"].tolist(), "expected": rounded(table["effect_mean"] / table["over_expected"])}
    values |= {name: rounded(table[column]) for name, column in columns.items()}
    return as_rows(values)
