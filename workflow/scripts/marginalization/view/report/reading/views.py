"""What a report keeps of each view (a model or group, a readout and a target), from the summary's rows of it."""

from __future__ import annotations

from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ....statistics.resolution import Resolution
from ...findings import OF_BEST, acts, answer, findings, leading
from ...results import KINDS, PLACED, View
from .amounts import MOST_CONTROLS, Amounts, rounded

NUMBERS = {
    "effect": "effect_mean",
    "low": "effect_ci_low",
    "high": "effect_ci_high",
    "z": "control_z",
    "q": "element_q",
    "significant": "significant",
    "agree": "n_models_agree",
    "n_models": "n_models",
    "percentile": "genomic_percentile",
}
COLUMNS = [*PLACED, "rank", "effect_sem", "p_value", "control_p", "element_p", "n_stratum", *NUMBERS.values()]
"""Of the summary."""

FEWEST = 20
"""P-values that tell how they are spread."""

TESTS = {"control_p": "against controls", "p_value": "over backgrounds"}


class Shown(NamedTuple):
    """What of a screen is shown.

    Fields:
        views: those shown, in the order of the summary.
        n_views: how many there are.
        elements: rows of elements.parquet by element_id, those shown, strongest first.
        amounts: how many have what.
        ids: all element_ids, controls' too.
        number: int64 (ids,): the place of each among those shown; -1 for others.
        parent: int64 (ids,): of controls of detailed elements, the place of that element; -1 for others.
        kind: (ids,) of str.
        sites: the columns name and element_id of annotations.parquet.
        n_backgrounds: in each of which each element was placed.
    """

    views: list[View]
    n_views: int
    elements: pd.DataFrame
    amounts: Amounts
    ids: pd.Index
    number: np.ndarray
    parent: np.ndarray
    kind: np.ndarray
    sites: pd.DataFrame
    n_backgrounds: int

    @property
    def detailed(self) -> list[str]:
        return self.elements.index[: self.amounts.detailed].tolist()


class ViewRows(NamedTuple):
    """What is kept of a view.

    Fields:
        band: the range of the middle 95 % of the controls' effects, if there are any.
        first: the element_id and the effect of the strongest element.
        counts: of each kind, how many elements there are, and how many are significant.
        judged: how many elements have a verdict, and how many controls the stratum that has most.
        quantiles: of each test, `against_uniform` of its p-values.
        places: rows of each element and strand at the start of the best rank, with the element's number.
        scan: the same at every start, of the first elements.
        controls: effect_mean of controls of detailed elements, placed as these, with the number of the element.
        answer: the findings of all elements in a sentence.
        findings: as many of them as are shown, as `findings.leading` has them.
        acting: all of them that act: kind, name, direction, and `number`, the first of the elements shown among
            its members (int64; -1 where none is).
        rest: `over_a_half` of its elements.
    """

    band: list[float] | None
    first: tuple[str, float]
    counts: dict[str, tuple[int, int]]
    judged: tuple[int, int]
    quantiles: dict[str, dict[str, list[float]]]
    places: pa.Table
    scan: pa.Table
    controls: pa.Table
    answer: str
    findings: pd.DataFrame
    acting: pd.DataFrame
    rest: float | None

    @property
    def significant(self) -> int:
        return sum(n for _, n in self.counts.values())


def view_rows(
    rows: pa.Table, shown: Shown, clusters: pd.DataFrame, neutral: float, controls: dict[str, Any] | None
) -> ViewRows:
    """What is kept of a view, from `COLUMNS` of its rows.

    Args:
        rows: of the view.
        shown: what of the screen is shown.
        clusters: rows of clusters.parquet on the view.
        neutral: the effect of what changes nothing.
        controls: the section of the config.
    """
    ids = shown.ids.get_indexer(rows["element_id"].to_pandas())
    kind, number = shown.kind[ids], shown.number[ids]
    rank, effect = (rows[name].to_numpy().astype(np.float64) for name in ("rank", "effect_mean"))
    minus = pc.equal(rows["strand"].cast(pa.string()), "-").to_numpy()
    ranked = np.flatnonzero(~np.isnan(rank))
    of_controls = effect[kind == "control"]
    first = ranked[np.argmin(rank[ranked])]

    own = ranked[number[ranked] >= 0]
    own = own[np.lexsort((rank[own], minus[own], ids[own]))]
    places = own[np.r_[True, (np.diff(ids[own]) != 0) | (minus[own][1:] != minus[own][:-1])][: len(own)]]
    strongest = pd.unique(number[places[np.argsort(rank[places], kind="stable")]])[: shown.amounts.own]
    places = places[(number[places] < shown.amounts.everywhere) | np.isin(number[places], strongest)]
    judged = (
        len(np.unique(ids[rows["significant"].is_valid().to_numpy()])),
        pc.max(rows["n_stratum"]).as_py() or 0,
    )
    found = findings(_of_sites(rows, ranked, ids, shown), clusters, shown.sites, neutral)
    return ViewRows(
        band=np.quantile(of_controls, [0.025, 0.975]).tolist() if len(of_controls) else None,
        first=(rows["element_id"][int(first)].as_py(), effect[first]),
        counts=_counts(rows, ids[ranked], ranked, shown),
        judged=judged,
        quantiles={
            name: against_uniform(p, shown.amounts.quantiles)
            for column, name in TESTS.items()
            if len(p := rows[column].take(ranked).drop_null().to_numpy())
        },
        places=_taken(rows, places, number[places]),
        scan=_taken(rows, scanned := own[number[own] < shown.amounts.scanned], number[scanned]),
        controls=_controls(rows, shown.parent[ids], minus, places[number[places] < shown.amounts.detailed], number),
        answer=answer(found, neutral, Resolution(*judged, controls) if controls else None),
        # Of as many names as annotations the rest would fill the memory, once for each view.
        findings=leading(found, neutral, shown.amounts.findings),
        acting=_acting(found[acts(found)], shown),
        rest=over_a_half(rows.take(pa.array(ranked[np.unique(ids[ranked], return_index=True)[1]]))),
    )


def over_a_half(rows: pa.Table) -> float | None:
    """Of the p-values of elements that are not significant, the share over a half; None of fewer than `FEWEST`."""
    rest = rows["element_p"].filter(pc.invert(rows["significant"].fill_null(True))).drop_null().to_numpy()
    return float(np.mean(rest > 0.5)) if len(rest) >= FEWEST else None


def _acting(found: pd.DataFrame, shown: Shown) -> pd.DataFrame:
    """Kind, name, direction and `number` of findings that act."""
    members = found["members"].tolist()
    known = shown.number[shown.ids.get_indexer(list(chain(*members)))]
    known = np.where(known < 0, len(shown.ids), known)
    firsts = np.cumsum([0, *map(len, members)])[: len(members)]
    number = np.minimum.reduceat(known, firsts) if members else known
    return found[["kind", "name", "direction"]].assign(number=np.where(number < len(shown.ids), number, -1))


def _of_sites(rows: pa.Table, ranked: np.ndarray, ids: np.ndarray, shown: Shown) -> pd.DataFrame:
    """The rows of elements that annotations are."""
    own = ranked[np.isin(ids[ranked], shown.ids.get_indexer(shown.sites["element_id"].unique()))]
    return rows.select([*OF_BEST, "rank", "significant"]).take(pa.array(own)).to_pandas()


def _counts(rows: pa.Table, ids: np.ndarray, ranked: np.ndarray, shown: Shown) -> dict[str, tuple[int, int]]:
    """Of each kind, how many elements there are, and how many are significant."""
    significant = rows["significant"].take(ranked).fill_null(False).to_numpy()
    every, found = np.unique(ids), np.unique(ids[significant])
    return {kind: (int((shown.kind[every] == kind).sum()), int((shown.kind[found] == kind).sum())) for kind in KINDS}


def _controls(
    rows: pa.Table, parent: np.ndarray, minus: np.ndarray, places: np.ndarray, number: np.ndarray
) -> pa.Table:
    """The first of the controls of detailed elements, at the starts of these.

    Args:
        rows: of the view.
        parent: int64 (rows,): of controls, the number of the detailed element that they are of; -1 for others.
        minus: bool (rows,): on the minus strand.
        places: the rows of detailed elements.
        number: int64 (rows,): of elements.
    """
    starts = rows["start"].to_numpy()
    start_of = np.full((number[places].max(initial=-1) + 1, 2), -1)
    start_of[number[places], minus[places].astype(int)] = starts[places]
    some = np.flatnonzero((parent >= 0) & (parent < len(start_of)))
    side = 2 * parent[some] + minus[some]
    alike = start_of.ravel()[side] == starts[some]
    some, side = some[alike], side[alike]
    order = np.argsort(side, kind="stable")
    some, side = some[order], side[order]
    some = some[np.arange(len(side)) - np.searchsorted(side, side) < MOST_CONTROLS]
    return _taken(rows.select(["strand", "effect_mean"]), some, parent[some])


def _taken(rows: pa.Table, which: np.ndarray, number: np.ndarray) -> pa.Table:
    return rows.take(pa.array(which)).append_column("element", pa.array(number))


def against_uniform(p: np.ndarray, most: int) -> dict[str, list[float]]:
    """-log10 of sorted p-values and of what a uniform distribution would give, at some of the ranks, about `most`."""
    observed = np.sort(p)
    n, first = len(observed), max(1, most // 5)
    ranks = np.unique(np.r_[np.arange(min(n, first)), np.geomspace(1, n, max(2, most - first)).astype(int) - 1])
    expected = (ranks + 0.5) / n
    return {
        "expected": rounded(-np.log10(expected)),
        "observed": rounded(-np.log10(np.maximum(observed[ranks], 1e-300))),
    }
