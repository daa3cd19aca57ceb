"""What was found on each view: the sentence, and the rows of clusters of like motifs and of names of annotations."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from ....statistics.resolution import Resolution
from ...findings import factor
from ..reading.amounts import as_rows, rounded
from ..reading.screens import Screen
from ..reading.views import ViewRows

MOST_MEMBERS = 60_000
"""Members told of in all, and of each row at most `MEMBERS`."""
MEMBERS = 100
MOST_NAMED = 6
"""Findings that the sentence of many targets names."""

NUMBERS = {"effect": "effect_mean", "low": "effect_ci_low", "high": "effect_ci_high", "q": "element_q"}


def found(screen: Screen) -> list[list[dict[str, Any]]]:
    """The rows of each view.

    A row's members are numbers of elements shown, its best first; `n` counts all.
    """
    n_rows = sum(len(rows.findings) for rows in screen.views)
    members = min(MEMBERS, max(1, MOST_MEMBERS // max(1, n_rows)))
    return [_rows(screen, rows.findings, members) for rows in screen.views]


def _rows(screen: Screen, table: pd.DataFrame, n_members: int) -> list[dict[str, Any]]:
    some = [own[:n_members] for own in table["members"]]
    known = screen.shown.number[screen.shown.ids.get_indexer(list(chain(*some)))]
    members = np.split(known, np.cumsum([len(own) for own in some]))[:-1]
    columns = {
        "kind": table["kind"].tolist(),
        "name": table["name"].tolist(),
        "factor": table["name"].map(factor).tolist(),
        "strand": table["strand"].tolist(),
        "raises": (table["direction"] == "raises").tolist(),
        **{name: rounded(table[column]) for name, column in NUMBERS.items()},
        "n": table["n"].tolist(),
        "nSignificant": table["n_significant"].tolist(),
        "significant": [None if pd.isna(verdict) else bool(verdict) for verdict in table["significant"]],
        "members": [own[own >= 0].tolist() for own in members],
    }
    return as_rows(columns)


def resolution(screen: Screen, rows: ViewRows) -> Resolution | None:
    """How small a q a view reaches; None without controls."""
    controls = screen.config.elements.controls
    return Resolution(*rows.judged, asdict(controls)) if controls else None


def across(screen: Screen) -> str:
    """On how many targets what is found acts, such as "CTCF raises 812 and lowers 3"; empty where nothing does."""
    counts: dict[str, Counter[str]] = {}
    moved = 0
    for rows in screen.views:
        moved += bool(len(rows.acting))
        for name, direction in {*zip(rows.acting["name"].map(factor), rows.acting["direction"], strict=True)}:
            counts.setdefault(name, Counter())[direction] += 1
    if not counts:
        return ""
    most = sorted(counts, key=lambda name: (-sum(counts[name].values()), name))[:MOST_NAMED]
    said = [
        f"{name} {' and '.join(f'{verb} {n:,}' for verb, n in sorted(counts[name].items(), reverse=True))}"
        for name in most
    ]
    return f"Something acts on {moved:,} of {len(screen.views):,} targets: {', '.join(said)}."


def floor(screen: Screen, rows: ViewRows, neutral: float) -> list[float] | None:
    """The effects within which nothing is significant: those of the config's floor, or the controls' middle 95 %."""
    controls = screen.config.elements.controls
    if controls is None or controls.effect_floor is None:
        return rows.band
    return (neutral + np.array([-1, 1]) * controls.effect_floor).tolist()
