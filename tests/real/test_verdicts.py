"""What the published ExplaiNN and DeepSTARR say of JASPAR, against controls."""

import itertools
import os

import pandas as pd
from marginalization.inputs.motifs import read_motifs
from workflows import run

JASPAR_BACKGROUNDS = int(os.environ.get("JASPAR_BACKGROUNDS", 3))

MODELS = {
    "explainn": ("explainn.py:ExplaiNN", "explainn.pt", 200, {"targets": ["MAX", "FOXA1", "JUND"]}),
    "deepstarr": ("deepstarr.py:DeepSTARR", "deepstarr.pt", 249, {"targets": ["dev", "hk"]}),
}
JASPAR = {"file": "published/JASPAR2022_CORE_vertebrates.meme"}


def screen(folder, model, name, elements, n_backgrounds):
    """Run a screen of elements in random backgrounds; returns the folder of its results."""
    factory, weights, length, readout = MODELS[model]
    config = {
        "screen": name,
        "models": {model: {"factory": f"published/models/{factory}", "weights": f"published/models/{weights}"}},
        "readouts": {"readout": readout},
        "elements": {"controls": {}, **elements},
        "backgrounds": {"length": length, "random": {"n": n_backgrounds}},
        "compute": {"threads": 2},
    }
    run(folder, config)
    return folder / "results" / name


def called(results, target):
    """The factors of the significant motifs, with their mean effects, by falling effect."""
    summary = pd.read_parquet(results / "summary.parquet").drop(columns="name")
    rows = summary[(summary["target"] == target) & summary["significant"].fillna(False)]
    named = pd.read_parquet(results / "motifs.parquet")[["name", "element_id"]].merge(rows)
    named = named.sort_values("effect_mean", ascending=False)
    effects = pd.Series(named["effect_mean"].to_numpy(), index=named["name"].str.split().str[-1].str.upper())
    print(f"significant of {target}: " + ", ".join(f"{name} {effect:+.2f}" for name, effect in effects.items()))
    return effects


def test_explainn_calls_the_families_of_its_factors(apart):
    """MAX binds E-boxes, FOXA1 what FOX factors bind, JUND what AP-1 and ATF do."""
    results = screen(apart, "explainn", "explainn_verdicts", {"motifs": [JASPAR]}, JASPAR_BACKGROUNDS)
    e_box, fox, ap1 = (called(results, target) for target in ("MAX", "FOXA1", "JUND"))
    assert {"MAX", "MYCN", "MAX::MYC"} <= set(e_box[:8].index)
    raised = fox[fox > 0].index
    assert "FOXA1" in raised
    assert len(raised) >= 15
    assert all("FOX" in name for name in raised)
    assert ap1.index[:10].str.contains("JUN|FOS|ATF|BATF|BACH|NFE2").all()


def test_deepstarr_calls_what_activates_in_s2_cells(apart):
    elements = {"motifs": [{"jaspar": {"release": "JASPAR2022", "tax_group": "insects"}}]}
    results = screen(apart, "deepstarr", "deepstarr_verdicts", elements, max(10, JASPAR_BACKGROUNDS))
    dev, hk = (called(results, target) for target in ("dev", "hk"))
    assert {"DREF", "M1BP", "BEAF-32"} <= set(hk[:4].index)  # of housekeeping promoters
    assert {"GATAD", "PNR"} <= set(dev.index)  # GATA factors
    assert (dev > 0).all()
    assert (hk > 0).all()
    assert max(len(dev), len(hk)) <= 10


ABSENT = ("MYOD1", "HNF4A", "POU5F1", "TAL1::TCF3", "PAX6", "GATA4", "TFAP2A", "SRF")
"""Factors that a model of CTCF in K562 has no reason to know, most of which K562 does not express."""


def test_two_sites_of_ctcf_act_together_and_absent_factors_do_not(apart):
    """In the BPNet of CTCF: two sites next to each other, and pairs of motifs of which neither is CTCF's."""
    by_factor = {motif.name.split()[-1]: motif.name for motif in reversed(read_motifs(apart / JASPAR["file"]))}
    mismatched = [
        {"first": by_factor[first], "second": by_factor[second], "distances": [5], "orientations": ["++"]}
        for first, second in itertools.combinations(ABSENT, 2)
    ]
    ctcf = by_factor["CTCF"]
    config = {
        "screen": "pairs",
        "models": {
            "ctcf": {"factory": "published/models/bpnet400.py:BPNet", "weights": "published/models/bpnet400_ctcf.pt"}
        },
        "readouts": {"log_counts": {"output": 1, "targets": ["log_counts"]}},
        "elements": {
            "motifs": [JASPAR],
            # All in one arrangement, so that each is compared with the controls of all.
            "pairs": [{"first": ctcf, "second": ctcf, "distances": [5], "orientations": ["++"]}, *mismatched],
            "controls": {"shuffles": 2, "per": "stratum"},
        },
        "backgrounds": {"length": 400, "random": {"n": 10}},
    }
    run(apart, config)
    found = pd.read_parquet(apart / "results" / "pairs" / "pairs_summary.parquet")
    of_ctcf = found["first"] == ctcf
    assert found[of_ctcf]["significant"].all()
    others = found[~of_ctcf]
    print(f"mismatched pairs with pair_p < 0.05: {(others['pair_p'] < 0.05).mean():.1%} of {len(others)}")
    assert not others["significant"].any()
    assert (others["pair_p"] < 0.05).mean() <= 0.11  # 3 of 28
