"""Which motifs are mapped, and how each base of them is changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from ..design.placement import Placed
from ..sequences.letters import DNA, UNKNOWN, reverse_complement

MOST_TARGETS = 4
"""On how many targets of a readout a motif is mapped: those where it acts most."""

VIEW = ["model", "readout", "target"]
PLACE = ["element_id", "strand", "start"]

AS_IT_IS = -1
"""The position that is changed in an element of which none is."""


class Change(NamedTuple):
    """A base of an element that is changed: its position in the element as written, and the letter there."""

    position: int
    base: str


def acting_motifs(clusters: pd.DataFrame, neutral: Mapping[str, float]) -> pd.DataFrame:
    """The best motif of each significant cluster, with `size`: how far its effect is from none.

    Args:
        clusters: rows of clusters.parquet.
        neutral: of each readout the effect of what changes nothing.
    """
    names = {name: str for name in (*VIEW, "strand", "direction")}
    rows = clusters[clusters["significant"].fillna(False).astype(bool)].astype(names).reset_index(drop=True)
    return rows.assign(size=(rows["effect_mean"] - rows["readout"].map(neutral).astype(float)).abs())


def chosen_motifs(acting: pd.DataFrame, most: int) -> pd.DataFrame:
    """The motifs to map on each target.

    Of a model and readout those clusters are taken that are strongest on some target; of clusters of the same rank
    those of the largest effect.

    Args:
        acting: as `acting_motifs` gives it.
        most: how many clusters of each model and readout.

    Returns:
        Some of the rows, sorted by `VIEW` and `PLACE`.
    """
    rows = acting.sort_values("size", ascending=False, kind="stable")
    rows["rank"] = rows.groupby(VIEW).cumcount()
    of_cluster = rows.groupby(["model", "readout", "cluster"]).agg(rank=("rank", "min"), size=("size", "max"))
    order = of_cluster.sort_values(["rank", "size"], ascending=[True, False], kind="stable")
    taken = order.groupby(["model", "readout"]).head(most).index
    rows = rows[pd.MultiIndex.from_frame(rows[["model", "readout", "cluster"]]).isin(taken)]
    rows = rows.groupby(["model", "readout", "cluster"]).head(MOST_TARGETS)
    return rows.drop(columns="rank").sort_values([*VIEW, *PLACE], kind="stable").reset_index(drop=True)


def of_model(chosen: pd.DataFrame, model: str, groups: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Those of `chosen_motifs` that a model computes: its own, and its groups'."""
    names = [model, *(group for group, models in groups.items() if model in models)]
    return chosen[chosen["model"].isin(names)]


def changes(sequence: str) -> Iterator[Change]:
    """All changes of a single base of an element, that of none first; an N, which has no base, is not changed."""
    yield Change(AS_IT_IS, UNKNOWN)
    for position, letter in enumerate(sequence):
        yield from (Change(position, base) for base in DNA if letter not in (base, UNKNOWN))


def changed(sequence: str, change: Change) -> str:
    """An element with a base changed."""
    if change.position == AS_IT_IS:
        return sequence
    return sequence[: change.position] + change.base + sequence[change.position + 1 :]


def place_changes(places: pd.DataFrame, sequences: Mapping[str, str]) -> list[Placed]:
    """Elements in place, each as it is and then with each change.

    Args:
        places: with `PLACE`.
        sequences: of the elements, as written, by element_id.
    """
    placed = []
    for element_id, strand, start in places[PLACE].drop_duplicates().itertuples(index=False):
        for change in changes(sequences[element_id]):
            sequence = changed(sequences[element_id], change)
            oriented = sequence if strand == "+" else reverse_complement(sequence)
            placed.append(Placed(element_id, strand, int(start), oriented))
    return placed
