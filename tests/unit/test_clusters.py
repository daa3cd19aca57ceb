"""Clusters of like motifs, on JASPAR's matrices and on summaries that are known."""

import numpy as np
import pandas as pd
import pytest
from marginalization.inputs.motifs import read_jaspar
from marginalization.merging.derived import clusters
from marginalization.merging.derived.clusters import clusters_of_motifs, merge_clusters
from marginalization.sequences.alike import clusters_of_matrices
from marginalization.store.files import write_table
from marginalization.store.other_schemas import CLUSTERS
from marginalization.store.schemas import SUMMARY

NAMES = ["CTCF", "GATA1", "GATA4", "GATA3", "REST", "NRF1", "JUND", "FOSL1"]


@pytest.fixture(scope="module")
def jaspar():
    """A matrix of each of some factors, (width, 4)."""
    found = {}
    for motif in read_jaspar("JASPAR2022", "CORE", "vertebrates"):
        found.setdefault(motif.name.split()[-1].upper(), motif.matrix)
    return found


def test_relatives_are_together_and_others_apart(jaspar):
    labels = dict(
        zip(NAMES, clusters_of_matrices([jaspar[name] for name in NAMES], list(jaspar.values())), strict=True)
    )
    assert labels["GATA1"] == labels["GATA4"] == labels["GATA3"] == 1
    assert labels["JUND"] == labels["FOSL1"]
    assert sorted(set(labels.values())) == list(range(5))  # numbered in their order
    assert len({labels[name] for name in ("CTCF", "GATA1", "REST", "NRF1", "JUND")}) == 5


def test_a_motif_is_like_its_reverse_complement_and_a_part_of_itself(jaspar):
    ctcf = jaspar["CTCF"]
    others = [jaspar[name] for name in NAMES[3:]]
    labels = clusters_of_matrices([ctcf, ctcf[::-1, ::-1], ctcf[3:15], *others], list(jaspar.values()))
    assert len(set(labels[:3])) == 1
    assert labels[0] not in labels[3:]
    assert clusters_of_matrices([]).tolist() == []
    assert clusters_of_matrices([ctcf]).tolist() == [0]


def motif_table(jaspar):
    rows = [(name, f"{i:016x}", jaspar[name].tolist()) for i, name in enumerate(NAMES)]
    rows += [("CTCF again", f"{0:016x}", jaspar["CTCF"].tolist()), ("a sequence", "f" * 16, None)]
    return pd.DataFrame(rows, columns=["name", "element_id", "matrix"])


def test_equal_motifs_are_one_and_sequences_their_own(jaspar, monkeypatch):
    motifs = motif_table(jaspar)
    found = clusters_of_motifs(motifs)
    assert found["motif"].tolist() == [*NAMES, "a sequence"]
    assert found["cluster"].iloc[-1] == found["cluster"].iloc[:-1].max() + 1
    monkeypatch.setattr(clusters, "MOST_MOTIFS", 3)
    assert clusters_of_motifs(motifs)["cluster"].tolist() == list(range(9))


@pytest.mark.parametrize("controls", [True, False])
def test_each_cluster_has_its_best_motif(jaspar, tmp_path, controls):
    motifs = motif_table(jaspar)
    effects = dict(zip(NAMES, [1.0, 0.5, 0.9, -0.1, -0.8, 0.2, 0.1, 0.1], strict=True))
    q = dict(zip(NAMES, [0.01, 0.02, 0.03, 0.5, 0.01, 0.7, 0.6, 0.6], strict=True))
    rows = [
        {
            **{"model": "m", "readout": "r", "target": target, "element_id": row.element_id, "name": row.name},
            **{"strand": strand, "start": 5, "kind": "motif", "sequence": "A", "effect_mean": sign * effects[row.name]},
            **{"effect_ci_low": 0.0, "effect_ci_high": 1.0, "rank": 1 + (strand == "-")},
            "element_q": q[row.name] if controls else np.nan,
            "significant": (q[row.name] < 0.05) if controls else None,
        }
        for target, sign in (("a", 1), ("b", -1))
        for row in motifs.head(8).itertuples(index=False)
        for strand in "+-"
    ]
    rows.append({**rows[0], "kind": "control", "element_id": "c" * 16, "effect_mean": 99.0})
    table = pd.DataFrame(rows).reindex(columns=SUMMARY.names)
    write_table(table, tmp_path / "summary.parquet", SUMMARY, {})
    found = merge_clusters(str(tmp_path / "summary.parquet"), motifs.head(9), {"r": 0.0})
    assert found.columns.tolist() == CLUSTERS.names
    assert found["target"].tolist() == ["a"] * 5 + ["b"] * 5
    gata = found[found["members"].map(lambda names: "GATA1" in names)].iloc[0]
    assert gata["members"] == ["GATA1", "GATA4", "GATA3"]
    assert gata["member_ids"] == [f"{NAMES.index(name):016x}" for name in gata["members"]]
    assert gata["n_motifs"] == 3
    write_table(found, tmp_path / "clusters.parquet", CLUSTERS, {})
    directions = found.set_index(["target", "motif"])["direction"]
    if controls:
        assert [gata["motif"], gata["n_significant"], gata["significant"]] == ["GATA1", 2, True]
        assert directions[("a", "CTCF")] == "raises"
        assert directions[("b", "CTCF")] == "lowers"
        assert found[found["significant"]]["motif"].tolist() == ["CTCF", "GATA1", "REST"] * 2
    else:
        assert found["significant"].isna().all()
