"""Clusters of like motifs, a row for each: a factor's many matrices, and those of its relatives, are one finding."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from ...sequences.alike import clusters_of_matrices
from ...store.other_schemas import CLUSTERS
from ...store.reading import read_table
from ...store.schemas import SUMMARY

MOST_MOTIFS = 3000
"""Distinct motifs that are clustered: all are compared with all. Of more, each is a cluster of its own."""

KEYS = ["model", "readout", "target"]
OF_BEST = ["strand", "start", "effect_mean", "effect_ci_low", "effect_ci_high", "element_q"]


def clusters_of_motifs(motifs: pd.DataFrame) -> pd.DataFrame:
    """The cluster of each distinct motif, by element_id in the order of the table: `cluster`, and `motif`, its name.

    Motifs without a matrix are clusters of their own, as all are where there are more than `MOST_MOTIFS`.

    Args:
        motifs: with name, element_id and matrix, (width, 4) or None.
    """
    distinct = motifs.drop_duplicates("element_id").reset_index(drop=True)
    with_matrix = distinct["matrix"].notna().to_numpy()
    labels = np.arange(len(distinct))
    if 0 < with_matrix.sum() <= MOST_MOTIFS:
        rows = np.flatnonzero(with_matrix)
        own = clusters_of_matrices([np.stack(matrix) for matrix in distinct["matrix"][with_matrix]])
        # Each is called by its first member.
        labels[rows] = rows[np.unique(own, return_index=True)[1]][own]
    numbers = pd.factorize(labels)[0]
    return pd.DataFrame({"element_id": distinct["element_id"], "cluster": numbers, "motif": distinct["name"]})


def merge_clusters(summary: str, motifs: pd.DataFrame, neutral: Mapping[str, float]) -> pd.DataFrame:
    """The rows of clusters.parquet, sorted by their keys.

    Args:
        summary: path of the summary.
        motifs: as for `clusters_of_motifs`.
        neutral: of each readout the effect of what changes nothing.
    """
    members = clusters_of_motifs(motifs)
    wanted = "kind", lambda kind: pc.equal(kind.cast("string"), "motif")
    columns = [*KEYS, "element_id", *OF_BEST, "rank", "significant"]
    rows = read_table(summary, SUMMARY, columns, wanted).merge(members, on="element_id")
    rows = rows.astype(dict.fromkeys(KEYS, "str"))
    by_cluster = [*KEYS, "cluster"]
    found = rows["significant"].fillna(False).astype(bool)
    counts = rows.assign(acts=rows["element_id"].where(found)).groupby(by_cluster)
    counted = counts.agg(n_motifs=("element_id", "nunique"), n_significant=("acts", "nunique")).reset_index()
    best = rows.sort_values(["element_q", "rank"], kind="stable").drop_duplicates(by_cluster)
    table = counted.merge(best, on=by_cluster)
    names, ids = (members.groupby("cluster")[column].agg(list) for column in ("motif", "element_id"))
    lowers = table["effect_mean"] < table["readout"].map(neutral).astype(float)
    table = table.assign(
        members=table["cluster"].map(names),
        member_ids=table["cluster"].map(ids),
        direction=np.where(lowers, "lowers", "raises"),
        significant=table["n_significant"] > 0 if rows["significant"].notna().any() else None,
    )
    return table[CLUSTERS.names]
