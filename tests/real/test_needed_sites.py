"""Whether CTCF's sites in real peaks are needed, by the published BPNet, and whether other factors' are."""

import numpy as np
import pandas as pd
import pytest
import tangermeme.ablate
import torch
from marginalization import ablate_annotations
from marginalization.inputs.motifs import read_motifs
from marginalization.models.factories import import_callable
from marginalization.sequences.onehot import one_hot_encode
from workflows import run

OTHERS = ["GATA1", "FOXA1", "ELF1", "TEAD4", "CEBPB", "RFX5", "HNF4A", "MEF2A"]
LENGTH = 400


def best_site(motif, sequence):
    """Where the best site of a motif on either strand begins, its width and its strand."""
    odds = np.log2(motif.matrix / 0.25 + 1e-3)
    X = one_hot_encode([sequence])[0].numpy().T
    windows = np.lib.stride_tricks.sliding_window_view(X, len(odds), axis=0)
    known = windows.sum(axis=(1, 2)) == len(odds)
    scores = [np.where(known, np.einsum("nlw,wl->n", windows, own), -np.inf) for own in (odds, odds[::-1, ::-1])]
    best = max((float(values.max()), int(values.argmax()), "+-"[i]) for i, values in enumerate(scores))
    return best[1], len(odds), best[2]


@pytest.fixture(scope="module")
def sites(folder):
    """The best site of CTCF's matrix near each summit, and the best of each other factor's that do not overlap it."""
    genome = (folder / "genome.fa").read_text().partition("\n")[2].replace("\n", "").upper()
    database = read_motifs(folder / "published" / "JASPAR2022_CORE_vertebrates.meme")
    by_name = {motif.name.split()[-1]: motif for motif in reversed(database)}
    peaks = pd.read_csv(next((folder / "published" / "genome").glob("*.narrowPeak")), sep="\t", header=None)
    rows = []
    for summit in sorted({int(row[1] + row[9]) for row in peaks.itertuples(index=False)}):
        low = summit - 100
        near = genome[low : summit + 100]
        start, width, strand = best_site(by_name["CTCF"], near)
        rows.append(("chr22", low + start, low + start + width, "CTCF", 0, strand))
        masked = near[:start] + "N" * width + near[start + width :]
        for name in OTHERS:
            first, own, turned = best_site(by_name[name], masked)
            rows.append(("chr22", low + first, low + first + own, name, 0, turned))
    table = pd.DataFrame(rows).drop_duplicates()
    table.to_csv(folder / "sites.bed", sep="\t", header=False, index=False)
    return table, genome


@pytest.fixture(scope="module")
def ablated(folder, sites):
    """The screen's tables of names and of instances."""
    config = {
        "screen": "ablations",
        "models": {
            "ctcf": {
                "factory": "published/models/bpnet400.py:BPNet",
                "weights": "published/models/bpnet400_ctcf.pt",
            }
        },
        "readouts": {"log_counts": {"output": 1, "targets": ["log_counts"]}},
        "elements": {
            "motifs": [{"file": "ctcf.tsv"}],
            "ablations": {"annotations": [{"file": "sites.bed", "genome": "genome.fa"}]},
        },
        "backgrounds": {"length": LENGTH, "random": {"n": 10}},
        "compute": {"threads": 2},
    }
    run(folder, config)
    results = folder / "results" / "ablations"
    return [pd.read_parquet(results / f"{name}.parquet") for name in ("ablations_summary", "ablations", "instances")]


def test_ctcf_is_needed_and_others_are_not(ablated):
    over = ablated[0]
    columns = ["name", "n_instances", "effect_mean", "elsewhere_mean", "difference", "fraction_beyond", "q_value"]
    print(over[columns].to_string(index=False, float_format="{:.3g}".format))
    ctcf, others = over[over["name"] == "CTCF"].iloc[0], over[over["name"] != "CTCF"]
    assert ctcf["significant"]
    assert ctcf["effect_mean"] < -0.5
    assert ctcf["difference_ci_high"] < 0
    assert abs(ctcf["elsewhere_mean"]) < abs(ctcf["effect_mean"]) / 5
    assert not others["significant"].any()
    assert others["effect_mean"].abs().max() < abs(ctcf["effect_mean"]) / 5


def test_instances_equal_tangermeme(folder, ablated, sites):
    """The same loci and the same shuffles: by the functions for Python, and by tangermeme."""
    table, genome = ablated[2], sites[1]
    loci = [genome[start : start + LENGTH] for start in table["locus_start"]]
    first = (table["start"] - table["locus_start"]).to_numpy()
    rows = [
        (i, int(start), int(start + width)) for i, (start, width) in enumerate(zip(first, table["width"], strict=True))
    ]
    published = folder / "published" / "models"
    model = import_callable(f"{published / 'bpnet400.py'}:BPNet", "model")()
    model.load_state_dict(torch.load(published / "bpnet400_ctcf.pt", weights_only=True))
    X, options = one_hot_encode(loci), {"n": 5, "random_state": 0}
    ours = ablate_annotations(model, X, rows, **options)
    theirs = tangermeme.ablate.ablate_annotations(model, X, rows, device="cpu", **options)
    for mine, reference in zip(ours, theirs, strict=True):
        for y, y0 in zip(mine, reference, strict=True):
            torch.testing.assert_close(y, y0, atol=1e-5, rtol=1e-5)
