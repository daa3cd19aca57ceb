"""What the terminal says of the tables beside the summary: a function for each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from rich.console import Console

from ..store.paths import Results
from .maps import read_in
from .printing import intervals, numbers, print_table, text_of
from .results import KEYS, read_beside


def print_beside(
    console: Console,
    results: Results,
    key: dict[str, str],
    title: str,
    neutral: float,
    kind: str | None,
    top: int,
    significant: bool,
) -> None:
    """What there is on one view beside its elements.

    Args:
        console: the terminal.
        results: the screen's.
        key: the view, by `KEYS`.
        title: what it is called.
        neutral: the effect of what changes nothing, and the cooperativity of what does not cooperate.
        kind: the kind of elements that is asked for; None asks for all.
        top: how many rows of each table.
        significant: whether only significant ones are asked for.
    """
    if kind is None:
        for row in read_beside(results, "measured", **key).itertuples():
            console.print(_against(row), soft_wrap=True)
    if kind is None and len(pairs := read_beside(results, "pairs_summary", **key)):
        _print_pairs(console, title, neutral, pairs, top, significant)
    if kind in (None, "arrangement") and len(copies := read_beside(results, "copies", **key)):
        _print_copies(console, title, copies, top)
    if kind in (None, "annotation") and len(ablated := read_beside(results, "ablations_summary", **key)):
        _print_ablations(console, title, ablated, top, significant)


def print_of_element(console: Console, results: Results, element_id: str) -> None:
    """What there is on one element beside its effects: its maps, on what of loci it depends, and its scans."""
    for row in (maps := read_beside(results, "maps_summary", element_id=element_id)).itertuples():
        console.print(f"{row.model}, {row.readout}, {row.target} {read_in(row)}.", soft_wrap=True)
    if len(maps):
        console.print()
    if len(depends := read_beside(results, "context", element_id=element_id)):
        _print_dependences(console, depends)
    if len(scans := read_beside(results, "scans", element_id=element_id)):
        _print_scans(console, scans)


def _against(row: Any) -> str:
    """How far effects tell what was measured."""
    correlation, of_ranks = (
        f"{text_of(getattr(row, name))} ({text_of(getattr(row, f'{name}_ci_low'))} to "
        f"{text_of(getattr(row, f'{name}_ci_high'))})"
        for name in ("pearson", "spearman")
    )
    measured = f"{row.n_measured:,} measurements ({row.column} in {row.file})"
    return f"Of {measured} the correlation is {correlation}, that of ranks {of_ranks}.\n"


def _print_ablations(console: Console, title: str, rows: pd.DataFrame, top: int, significant: bool) -> None:
    """What is lost with the instances of each name, those first that stand out most."""
    found = f"{rows['significant'].sum():,} of {len(rows):,} names of annotations are needed where they are"
    console.print(f"{title}: {found}", soft_wrap=True)
    rows = rows[rows["significant"]] if significant else rows
    rows = rows.assign(most=-rows["difference"].abs()).sort_values(["q_value", "most"], kind="stable").head(top)
    columns = {"name": rows["name"], "instances": numbers(rows["n_instances"]), "ablated": numbers(rows["effect_mean"])}
    columns |= {"elsewhere": numbers(rows["elsewhere_mean"]), "difference": numbers(rows["difference"])}
    print_table(console, columns | {"95 % interval": intervals(rows, "difference"), "q": numbers(rows["q_value"])})


def _print_pairs(console: Console, title: str, neutral: float, rows: pd.DataFrame, top: int, significant: bool) -> None:
    """Where each two motifs do most together, those first of the smallest p, or without controls that do most."""
    judged = rows["significant"].dropna().astype(bool)
    found = f"{judged.sum():,} of {len(judged):,} pairs of motifs cooperate" if len(judged) else "pairs of motifs"
    console.print(f"{title}: {found}; where each two do most together", soft_wrap=True)
    rows = rows[rows["significant"].fillna(False).astype(bool)] if significant else rows
    rows = rows.assign(most=-(rows["cooperativity"] - neutral).abs())
    rows = rows.sort_values(["pair_p", "most"], kind="stable").head(top)
    columns = {"name": (rows["first"].astype("str") + " and " + rows["second"].astype("str")).tolist()}
    columns |= {"distance": numbers(rows["distance"]), "orientation": rows["orientation"].astype("str")}
    columns |= {"cooperativity": numbers(rows["cooperativity"]), "95 % interval": intervals(rows, "cooperativity")}
    columns["spacing"] = rows["spacing"].astype("str").where(rows["spacing"].notna(), "")
    print_table(console, columns | ({"q": numbers(rows["pair_q"])} if len(judged) else {}))


def _print_copies(console: Console, title: str, rows: pd.DataFrame, top: int) -> None:
    """How effects grow with the number of copies, on the first strand and start."""
    console.print(f"{title}: copies of a motif, beside one copy and what is expected of so many", soft_wrap=True)
    rows = rows.drop_duplicates(["motif", "orientation", "distance", "n_copies"]).head(top)
    names = rows["motif"] + rows["orientation"].astype("str")
    shown = ("distance", "n_copies", "effect_mean", "over_one", "over_expected")
    titles = ("bases between", "copies", "effect", "times one", "times expected")
    columns = {title: numbers(rows[name]) for title, name in zip(titles, shown, strict=True)}
    print_table(console, {"name": names.tolist(), **columns, "95 % interval": intervals(rows)})


def _print_dependences(console: Console, rows: pd.DataFrame) -> None:
    """How the effects of an element go with what is known of each locus."""
    console.print("Over loci, effects go with:")
    columns = _places(rows) | {"over": rows["covariate"].astype("str"), "loci": numbers(rows["n_loci"])}
    columns |= {"rank correlation": numbers(rows["spearman"]), "95 % interval": intervals(rows, "spearman")}
    columns |= {"where lowest": numbers(rows["effect_lowest"]), "where highest": numbers(rows["effect_highest"])}
    print_table(console, columns | {"q": numbers(rows["q_value"])})


def _print_scans(console: Console, rows: pd.DataFrame) -> None:
    """Where along the backgrounds an element does most, and where half of that is lost."""
    console.print("Where it does most, and within how many bases from there half of the effect is lost:")
    shown = {"effect": "effect_mean", "half left": "half_left", "half right": "half_right"}
    print_table(console, _places(rows) | {title: numbers(rows[name]) for title, name in shown.items()})


def _places(rows: pd.DataFrame) -> dict[str, Sequence[str]]:
    return {name: rows[name].astype("str") for name in [*KEYS, "strand", "start"]}
