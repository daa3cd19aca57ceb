"""What models read in motifs, in words."""

from __future__ import annotations

from typing import Any

import pandas as pd

MOST_NAMED = 6
"""Motifs in which another is read that a sentence names."""


def read_in(row: Any) -> str:
    """What is read in a motif, and which bases carry its effect, such as "reads GATA1 in it (similarity 0.95 ...)".

    Args:
        row: of maps_summary.parquet, with its columns as attributes.
    """
    own = "" if pd.isna(row.similarity) else f"{row.similarity:.2f} to its"
    closest = "" if pd.isna(row.closest) else f"{row.closest_similarity:.2f}"
    if row.reads == "itself":
        to = [f"{own} matrix" if own else "", f"{closest} to {row.closest}" if row.closest != row.name else ""]
        said = "the motif itself"
    elif row.reads == "another":
        to = [closest, f"{own} own matrix" if own else ""]
        said = f"{row.closest} in it"
    else:
        to = [f"{own} matrix" if own else "", f"at most {closest}, to {row.closest}" if closest else ""]
        flat = pd.isna(row.carried) and not closest
        said = "something else in it" if own or flat else "what can not be told without a matrix of its own"
        said += " (like no matrix)" if flat and not own else ""
    if similarity := ", ".join(filter(None, to)):
        said += f" (similarity {similarity})"
    said = f"reads {said}"
    if pd.isna(row.carried):
        return said
    return f"{said}; {row.carried} (bases {int(row.carried_start) + 1} to {int(row.carried_end)}) carries it"


def read_in_all(rows: pd.DataFrame, neutral: float) -> list[str]:
    """What is read in the mapped motifs of a view, in a sentence; none without any.

    Args:
        rows: of maps_summary.parquet.
        neutral: the effect of what changes nothing.
    """
    if rows.empty:
        return []
    rows = rows.loc[(rows["effect_mean"] - neutral).abs().sort_values(ascending=False, kind="stable").index]
    kinds = rows["reads"].astype(str)
    others = rows[kinds == "another"]
    named = [f"{name} ({closest})" for name, closest in zip(others["name"], others["closest"], strict=True)]
    more = len(named) - MOST_NAMED
    listed = f": {', '.join(named[:MOST_NAMED])}{f' and {more} more' if more > 0 else ''}" if named else ""
    read, unclear = (kinds == "itself").sum(), kinds == "unclear"
    untold = (unclear & rows["similarity"].isna()).sum()
    said = (
        f"Of {len(rows)} mapped motifs {read} read as themselves, {unclear.sum() - untold} as something else, "
        f"{len(named)} as another"
    )
    return [f"{said}{listed}{f'; of {untold} without a matrix it can not be told' if untold else ''}."]
