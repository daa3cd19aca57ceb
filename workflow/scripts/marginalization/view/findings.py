"""What a screen found on one view, as a person would say it.

A finding is a cluster of like motifs, or all annotations of a name, rather than each of their sequences. All of
them make a sentence.
"""

from __future__ import annotations

import re
from itertools import pairwise, starmap
from typing import Any

import numpy as np
import pandas as pd

from ..statistics.resolution import Resolution

PLACED = ["element_id", "strand", "start"]
OF_BEST = [*PLACED, "effect_mean", "effect_ci_low", "effect_ci_high", "element_q"]
COLUMNS = ["kind", "name", *OF_BEST, "direction", "n", "n_significant", "significant", "members"]

MOST_NAMED = 8
"""Findings of a direction that a sentence names."""
STRONGEST = 3
"""Of those without a verdict."""

NAMES_OF = {
    "motif": ("motifs", "motif"),
    "cluster": ("clusters of like motifs", "cluster of like motifs"),
    "annotation": ("names", "name"),
}
"""Many, and one."""

_JASPAR_ID = re.compile(r"^MA\d{4}\.\d+\s+")


def strongest(rows: pd.DataFrame, neutral: float) -> pd.DataFrame:
    """Of each element in rows of a view that with the best rank, or if none has one that farthest from `neutral`."""
    rows = rows.assign(size=-(rows["effect_mean"] - neutral).abs()).sort_values(["rank", "size"], kind="stable")
    return rows.drop_duplicates("element_id").drop(columns="size")


def factor(name: str) -> str:
    """What a person calls a motif: the first of its names, without JASPAR's number of its matrix."""
    first = name.split(";")[0]
    return _JASPAR_ID.sub("", first)


def findings(rows: pd.DataFrame, clusters: pd.DataFrame, sites: pd.DataFrame, neutral: float) -> pd.DataFrame:
    """The findings of a view, columns `COLUMNS`: clusters of like motifs, then names of annotations.

    Effect, interval and q are those of the best member: the smallest q, and of equal ones the best rank. `members` has
    the element_ids of all, the best first; `significant` is missing where there is no verdict.

    Args:
        rows: of annotations at least, with `OF_BEST`, rank and significant.
        clusters: rows of clusters.parquet on the view; none where there are no motifs.
        sites: the columns name and element_id of annotations.parquet.
        neutral: the effect of what changes nothing.
    """
    found = [_of_clusters(clusters)] if len(clusters) else []
    if len(sites):
        found.append(_of_names(rows, sites, neutral))
    if len(found) == 1:
        return found[0]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=COLUMNS)


def _of_clusters(clusters: pd.DataFrame) -> pd.DataFrame:
    # What 0.6.0 wrote has no ids.
    ids = clusters["member_ids"] if "member_ids" in clusters else [[best] for best in clusters["element_id"]]
    best = [[best, *(i for i in own if i != best)] for best, own in zip(clusters["element_id"], ids, strict=True)]
    columns = {name: clusters[name].to_numpy() for name in [*OF_BEST, "n_significant"]}
    columns |= {name: clusters[name].astype(str).to_numpy(object) for name in ("direction", "strand")}
    columns |= {"name": clusters["motif"].to_numpy(object), "n": clusters["n_motifs"].to_numpy(), "kind": "motif"}
    return pd.DataFrame({**columns, "significant": clusters["significant"].to_numpy(object), "members": best})[COLUMNS]


def _of_names(rows: pd.DataFrame, sites: pd.DataFrame, neutral: float) -> pd.DataFrame:
    """The names of annotations, those of the smallest q first; there may be as many as annotations."""
    order = rows.sort_values(["element_q", "rank"], kind="stable").drop_duplicates("element_id")
    own = order[[*OF_BEST, "significant"]].merge(sites.drop_duplicates(), on="element_id")
    codes, names = pd.factorize(own["name"])
    by_name = np.argsort(codes, kind="stable")
    firsts = np.searchsorted(codes[by_name], np.arange(len(names)))
    table = own.iloc[by_name[firsts]]
    n_significant = np.bincount(codes, acts(own), len(names)).astype(int)
    ids = own["element_id"].iloc[by_name].tolist()
    judged = np.bincount(codes, own["significant"].notna(), len(names)) > 0
    return table.assign(
        kind="annotation",
        strand=table["strand"].astype(str),
        direction=np.where(table["effect_mean"] < neutral, "lowers", "raises"),
        n=np.bincount(codes, minlength=len(names)),
        n_significant=n_significant,
        significant=np.where(judged, n_significant > 0, np.array(None, object)),
        members=list(map(ids.__getitem__, starmap(slice, pairwise([*firsts.tolist(), len(ids)])))),
    )[COLUMNS]


def acts(found: pd.DataFrame) -> np.ndarray:
    """Which findings are significant, bool; none where there is no verdict."""
    return pd.array(found["significant"], dtype="boolean").fillna(False).to_numpy(bool)


def in_order(found: pd.DataFrame, neutral: float) -> pd.DataFrame:
    """Findings as a report has them: those that act, the rest by their q; where none has one, all as if they acted.

    Of those that act first what raises and then what lowers, each the strongest first.
    """
    size = np.abs(found["effect_mean"].to_numpy(float) - neutral)
    q, lowers = found["element_q"].to_numpy(float), (found["direction"] == "lowers").to_numpy()
    first = acts(found) | np.isnan(q).all()
    return found.iloc[np.lexsort((-size, np.where(first, lowers, q), ~first))]


def leading(found: pd.DataFrame, neutral: float, n: int) -> pd.DataFrame:
    """The first n findings `in_order`, of those that act the strongest of either direction."""
    size = np.abs(found["effect_mean"].to_numpy(float) - neutral)
    q = found["element_q"].to_numpy(float)
    acting = acts(found) | np.isnan(q).all()
    return in_order(found.iloc[np.sort(np.lexsort((np.where(acting, -size, q), ~acting))[:n])], neutral)


def answer(found: pd.DataFrame, neutral: float, resolution: Resolution | None) -> str:
    """Such as "Raise: CTCF, NRF1. Lower: REST. 4 of 277 clusters of like motifs act; this screen could find one alone."

    Args:
        found: of a view.
        neutral: the effect of what changes nothing.
        resolution: of its verdicts; None without controls.
    """
    parts = []
    ordered = in_order(found, neutral)
    for kind in ("motif", "annotation"):
        own = ordered[(ordered["kind"] == kind).to_numpy()]
        if len(own):
            acting = own if resolution is None else own[acts(own)]
            named = _named(acting, kind, STRONGEST if resolution is None else MOST_NAMED)
            parts += [*([named] if named else []), _counted(own, kind, resolution)]
    return " ".join(parts) or "Nothing but arrangements was screened."


def _named(acting: pd.DataFrame, kind: str, most: int) -> str:
    """Such as "Raise: CTCF, NRF1. Lower: REST." of motifs, and "Of annotations CTCF, NRF1 raise, REST lowers."."""
    said = []
    for direction, verb in (("raises", "Raise"), ("lowers", "Lower")):
        names = list(dict.fromkeys(acting["name"][acting["direction"] == direction].map(factor)))
        more = f" and {len(names) - most:,} more" if len(names) > most else ""
        if names:
            some = ", ".join(names[:most]) + more
            said.append(
                f"{verb}: {some}." if kind == "motif" else f"{some} {verb.lower() if len(names) > 1 else direction}"
            )
    return " ".join(said) if kind == "motif" else f"Of annotations {', '.join(said)}." if said else ""


def _counted(own: pd.DataFrame, kind: str, resolution: Resolution | None) -> str:
    """How many act, of how many, and how many could have been found."""
    n = len(own)
    plural, one = NAMES_OF[kind if kind == "annotation" else "cluster" if (own["n"] > 1).any() else "motif"]
    what = one if n == 1 else plural
    if resolution is None:
        return f"{n:,} {what}, without controls to judge by."
    acting = int(acts(own).sum())
    if n == 1:
        counted = f"The one {what} {'acts' if acting else 'does no more than its shuffles'}"
    else:
        few = f"{acting:,} of {n:,}" if acting else f"None of {n:,}"
        counted = f"{few} {what} {'act' if acting > 1 else 'acts'}"
    return f"{counted}; {could(resolution)}." if kind == "motif" or not acting else f"{counted}."


def could(resolution: Resolution) -> str:
    """What a screen was able to find, in words."""
    if resolution.together == 1:
        return "this screen could find a single one"
    if resolution.possible:
        return f"this screen could find {resolution.together:,} or more sequences that act together, not fewer"
    return f"this screen could find none: set controls.shuffles to {resolution.shuffles:,} or more"


def groups_of(found: pd.DataFrame) -> dict[Any, tuple[int, int]]:
    """By element_id, the number of its finding, and how many members that has; a motif's before a name's."""
    known: dict[Any, tuple[int, int]] = {}
    for number, members in enumerate(found["members"]):
        for element_id in members:
            known.setdefault(element_id, (number, len(members)))
    return known
