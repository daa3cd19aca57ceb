"""What the published BPNet of CTCF says of JASPAR and of random sequences, against controls."""

import os

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from workflows import run

MODEL = {"factory": "published/models/bpnet400.py:BPNet", "weights": "published/models/bpnet400_ctcf.pt"}
JASPAR_BACKGROUNDS = int(os.environ.get("JASPAR_BACKGROUNDS", 3))
"""A screen of JASPAR takes half a minute of a core for each; `make real` takes 50."""

CTCF, SHUFFLED = "TGGCCACCAGGGGGCGCTA", "GCAGTCGCAGGTCGCGACG"


def screen(folder, name, sequences, shuffles, n_backgrounds, strands):
    """The summary of sequences in random backgrounds."""
    (folder / f"{name}.tsv").write_text("name\tsequence\n" + "".join(f"{s}\t{s}\n" for s in sequences))
    config = {
        "screen": name,
        "models": {"ctcf": MODEL},
        "readouts": {"log_counts": {"output": 1, "targets": ["log_counts"]}},
        "elements": {"motifs": [{"file": f"{name}.tsv"}], "controls": {"shuffles": shuffles}},
        "backgrounds": {"length": 400, "random": {"n": n_backgrounds}},
        "placement": {"strands": strands},
        "compute": {"threads": 2},
    }
    run(folder, config)
    return pd.read_parquet(folder / "results" / name / "summary.parquet")


@pytest.fixture(scope="module")
def random_motifs():
    rng = np.random.default_rng(0)
    return sorted({"".join(rng.choice(list("ACGT"), 10)) for _ in range(500)})


def test_random_motifs_are_like_their_controls(apart, random_motifs):
    found = screen(apart, "null", random_motifs, shuffles=20, n_backgrounds=10, strands="+")
    own = found[found["kind"] == "motif"]
    assert len(own) == 500
    called = (own["p_value"] < 0.05).mean(), (own["element_p"] < 0.05).mean()
    uniform = scipy.stats.kstest(own["element_p"], "uniform")
    print(f"random 10-mers called at p < 0.05: {called[0]:.1%} by Wilcoxon's test over backgrounds, {called[1]:.1%} by")
    print(f"controls; Kolmogorov-Smirnov p = {uniform.pvalue:.3f}; significant: {own['significant'].sum()} of 500")
    assert called[0] > 0.1
    assert 0.03 <= called[1] <= 0.07
    assert uniform.pvalue > 0.001
    assert own["significant"].sum() <= 1


def test_ctcf_is_significant_on_both_strands_and_its_shuffle_is_not(apart, random_motifs):
    sequences = [CTCF, SHUFFLED, *random_motifs[:10]]
    found = screen(apart, "verdict", sequences, shuffles=20, n_backgrounds=max(20, JASPAR_BACKGROUNDS), strands="both")
    found = found.set_index(["name", "strand"])
    ctcf, shuffled = (found.loc[[(name, "+"), (name, "-")]] for name in (CTCF, SHUFFLED))
    assert ctcf["significant"].all()
    assert ctcf["effect_mean"].tolist() == pytest.approx([1.73, 1.78], abs=0.15)  # on other backgrounds
    assert not shuffled["significant"].any()
    assert shuffled["effect_mean"].abs().max() < 0.2


def test_the_motifs_of_ctcf_are_significant_among_all_of_jaspar(apart):
    """By the defaults: the three of CTCF, CTCFL where backgrounds are enough, and at most two others."""
    config = {
        "screen": "jaspar",
        "models": {"ctcf": MODEL},
        "readouts": {"log_counts": {"output": 1, "targets": ["log_counts"]}},
        "elements": {"motifs": [{"file": "published/JASPAR2022_CORE_vertebrates.meme"}], "controls": {}},
        "backgrounds": {"length": 400, "random": {"n": JASPAR_BACKGROUNDS}},
        "compute": {"threads": 1},
        "shards": {"backgrounds": -(-JASPAR_BACKGROUNDS // 2)},
    }
    run(apart, config)
    found = pd.read_parquet(apart / "results" / "jaspar" / "summary.parquet")
    called = found[found["significant"].fillna(False)].sort_values("rank")["name"].tolist()
    ctcfl = found[(found["kind"] == "motif") & found["name"].str.contains("CTCFL")].iloc[0]
    print(f"significant in JASPAR: {', '.join(called)}; CTCFL has element_q {ctcfl['element_q']:.3f}")
    assert sum(name.endswith(" CTCF") for name in called) == 3
    assert ctcfl["element_p"] < 0.01  # a few of its shuffles do more than its consensus
    assert len(called) <= 6
