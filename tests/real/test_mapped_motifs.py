"""Which bases of motifs the published BPNet of CTCF reads: those of CTCF's, and CTCF's in others that hold its site."""

import numpy as np
import pandas as pd
from marginalization.inputs.motifs import read_motifs
from workflows import run

FEW = ["CTCF", "Zic2", "YY2", "TCF21", "GATA1", "FOXA1", "ELF1", "TEAD4", "CEBPB", "RFX5", "HNF4A", "MEF2A", "SP9"]


def meme(motifs):
    lines = ["MEME version 4", "", "ALPHABET= ACGT", ""]
    for name, matrix in motifs.items():
        lines += [f"MOTIF {name}", f"letter-probability matrix: alength= 4 w= {len(matrix)}"]
        lines += [" ".join(f"{p:.6f}" for p in row) for row in matrix] + [""]
    return "\n".join(lines)


def test_ctcf_is_read_and_a_motif_that_holds_its_site_is_told(folder):
    database = read_motifs(folder / "published" / "JASPAR2022_CORE_vertebrates.meme")
    by_name = {motif.name.split()[-1]: motif.matrix for motif in reversed(database)}
    motifs = {name: by_name[name] for name in FEW}
    # CTCF's consensus where columns say little, between two stretches that say much.
    letters = np.eye(4)
    site = 0.22 + 0.12 * letters[motifs["CTCF"].argmax(axis=1)]
    flanks = [0.94 * letters[[*map("ACGT".index, word)]] + 0.015 for word in ("TGATTA", "AATCAT")]
    motifs["holds"] = np.concatenate([flanks[0], site, flanks[1]])
    motifs = {name: matrix / matrix.sum(axis=1, keepdims=True) for name, matrix in motifs.items()}
    (folder / "few.meme").write_text(meme(motifs))
    config = {
        "screen": "mapped",
        "models": {
            "ctcf": {"factory": "published/models/bpnet400.py:BPNet", "weights": "published/models/bpnet400_ctcf.pt"}
        },
        "readouts": {"log_counts": {"output": 1, "targets": ["log_counts"]}},
        "elements": {"motifs": [{"file": "few.meme"}], "controls": {"level": 0.2}, "maps": {}},
        "backgrounds": {"length": 400, "random": {"n": 10}},
        "compute": {"threads": 2},
    }
    run(folder, config)
    rows = pd.read_parquet(folder / "results" / "mapped" / "maps_summary.parquet").set_index("name")
    columns = ["effect_mean", "similarity", "carried", "closest", "closest_similarity", "closest_offset", "reads"]
    print(rows[columns].sort_values("effect_mean", ascending=False).to_string(float_format="{:.2f}".format))
    assert rows.loc["CTCF", "reads"] == "itself"
    assert rows.loc["CTCF", "similarity"] > 0.75
    assert rows.loc["holds", ["reads", "closest"]].tolist() == ["another", "CTCF"]
    assert rows.loc["holds", "closest_offset"] == 6
    assert rows.loc["holds", "similarity"] < 0.6
    assert set(rows["closest"][rows["reads"] == "another"]) == {"CTCF"}
