"""Which motifs are alike, and what JASPAR says of them."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import leaves_list, linkage

from ....config.sections import Config
from ....sequences.alike import clusters_of_matrices

MOST_TARGETS = 1000
"""Motifs whose columns are the background of those p-values."""

_JASPAR_ID = re.compile(r"^(MA\d{4})\.(\d+)\b")
NEWEST = "JASPAR2026"


def clusters_of(ids: Sequence[str], matrices: pd.Series, effects: np.ndarray) -> list[tuple[str, str | None]]:
    """Elements in the order of a clustered heat map, each with the first element of its cluster of like motifs.

    Clusters are those of `clusters_of_matrices`. Within them, and among them by their first member, the order is given.

    Args:
        ids: element_ids, strongest first.
        matrices: by element_id, (width, 4); elements without any are clusters of their own.
        effects: (elements, views), by which elements without a matrix are put next to each other.
    """
    known = [i for i in ids if i in matrices.index and matrices[i] is not None]
    label = {element_id: -1 - n for n, element_id in enumerate(ids)}
    if len(known) > 1:
        every = [np.stack(matrix) for matrix in matrices.dropna().head(MOST_TARGETS)]
        own = clusters_of_matrices([np.stack(matrices[i]) for i in known], every)
        label |= dict(zip(known, own.tolist(), strict=True))
    order = leaves_list(linkage(effects, "average")) if len(ids) > 2 else range(len(ids))
    first: dict[int, str] = {}
    for element_id in ids:
        first.setdefault(label[element_id], element_id)
    members = pd.Series({i: first[label[i]] for i in ids})
    place = {element_id: n for n, element_id in enumerate(ids[i] for i in order)}
    # A cluster is where that of effects puts its strongest member.
    ordered = sorted(ids, key=lambda i: (place[members[i]], ids.index(i)))
    counts = members.value_counts()
    return [(i, members[i] if counts[members[i]] > 1 else None) for i in ordered]


def motif_classes(names: Sequence[str], config: Config) -> dict[str, dict[str, str]]:
    """The `class` and `family` that JASPAR gives the motifs whose names begin with one of its matrix ids."""
    from pyjaspar import jaspardb

    releases = [table.jaspar.release for table in config.elements.motifs if table.jaspar]
    database = jaspardb(release=(releases or [NEWEST])[0])
    found = {}
    for name in names:
        if match := _JASPAR_ID.match(name):
            motif = database.fetch_motif_by_id(match[0]) or database.fetch_motif_by_id(match[1])
            if motif is not None:
                kinds = {"class": motif.tf_class, "family": motif.tf_family}
                found[name] = {kind: "; ".join(filter(None, of or [])) for kind, of in kinds.items()}
    return found
