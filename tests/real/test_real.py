"""What published models say of real sequences, against tangermeme, known effects, and what biology expects."""

import importlib.util

import numpy as np
import pandas as pd
import pytest
import torch
from marginalization.sequences.onehot import one_hot_encode
from tangermeme.marginalize import marginalize
from workflows import run

REFERENCE = {
    "ctcf": ("bpnet400:BPNet", "bpnet400_ctcf.pt", 400, {"output": 1, "targets": ["log_counts"]}),
    "explainn": ("explainn:ExplaiNN", "explainn.pt", 200, {"targets": ["MAX", "FOXA1", "JUND"]}),
    "deepstarr": ("deepstarr:DeepSTARR", "deepstarr.pt", 249, {"targets": ["dev", "hk"]}),
}
EFFECTS = {
    "ctcf": {"TGGCCACCAGGGGGCGCTA": [1.74699], "GCAGTCGCAGGTCGCGACG": [0.02640]},
    "explainn": {
        "GACCACGTGGTC": [3.6139, -1.4236, -0.7289],
        "TGTTTACTTAG": [-1.2196, 5.0522, -0.9902],
        "ATGAGTCATC": [0.7691, -1.7100, 4.4838],
    },
    "deepstarr": {
        "ATGAGTCATC": [1.8990, 0.9217],
        "TATCGATA": [0.3462, 1.9485],
        "CAGATAAGG": [0.8479, 0.1020],
    },
}
"""Mean effects by tangermeme 1.6.0 over 100 random backgrounds, in the order of the targets."""


@pytest.mark.parametrize("name", REFERENCE)
def test_reference_effects(folder, name):
    factory, weights, length, readout = REFERENCE[name]
    module, _, model = factory.partition(":")
    letters = np.random.default_rng(0).choice(4, size=(100, length), p=[0.25] * 4)
    fasta = "".join(f">{i}\n{''.join(np.array(list('ACGT'))[row])}\n" for i, row in enumerate(letters))
    (folder / f"reference_{name}.fa").write_text(fasta)
    motifs = "".join(f"{sequence}\t{sequence}\n" for sequence in EFFECTS[name])
    (folder / f"reference_{name}.tsv").write_text("name\tsequence\n" + motifs)
    config = {
        "screen": f"reference_{name}",
        "models": {
            name: {"factory": f"published/models/{module}.py:{model}", "weights": f"published/models/{weights}"}
        },
        "readouts": {"readout": readout},
        "elements": {"motifs": [{"file": f"reference_{name}.tsv"}]},
        "backgrounds": {"length": length, "fasta": f"reference_{name}.fa"},
    }
    run(folder, config)
    summary = pd.read_parquet(folder / "results" / f"reference_{name}" / "summary.parquet")
    found = summary.pivot(index="name", columns="target", values="effect_mean")
    for sequence, effects in EFFECTS[name].items():
        assert found.loc[sequence, readout["targets"]].tolist() == pytest.approx(effects, abs=1e-4)


@pytest.mark.parametrize("name", REFERENCE)
def test_ten_motifs_equal_tangermeme(request, real_data, name):
    screen = request.getfixturevalue(name)
    factory, weights, _, readout = REFERENCE[name]
    module, _, model = factory.partition(":")
    spec = importlib.util.spec_from_file_location(module, real_data / "models" / f"{module}.py")
    lab = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(lab)
    network = getattr(lab, model)()
    network.load_state_dict(torch.load(real_data / "models" / weights, map_location="cpu"))
    network = network.double()  # so that what differs is the screen's rounding alone
    X = one_hot_encode(list(screen.table("backgrounds.parquet")["sequence"])).double()
    elements = screen.table("elements.parquet")
    effects = screen.table("effects")
    for _, element in elements[elements["kind"] == "motif"].sample(10, random_state=0).iterrows():
        reference = marginalize(network, X, element["sequence"])
        before, after = (y[readout.get("output", 0)] if isinstance(y, list) else y for y in reference)
        rows = effects[(effects["element_id"] == element["element_id"]) & effects["target"].isin(readout["targets"])]
        for i, target in enumerate(readout["targets"]):
            ours = rows[rows["target"] == target].sort_values("background_id")
            assert ours["before"].to_numpy() == pytest.approx(before[:, i].numpy(), abs=1e-5)
            assert ours["after"].to_numpy() == pytest.approx(after[:, i].numpy(), abs=1e-5)
            assert ours["effect"].to_numpy() == pytest.approx((after - before)[:, i].numpy(), abs=1e-5)


def test_ctcf_ranks_its_own_matrices_first(ctcf):
    ranked = ctcf.ranked("log_counts")
    assert sorted(ranked["name"].str.split().str[1][:3]) == ["CTCF", "CTCF", "CTCF"]
    assert ranked["name"].str.split().str[1][3] == "CTCFL"


def test_explainn_ranks_the_families_of_its_factors_first(explainn):
    foxa1 = explainn.ranked("FOXA1")["name"].str.split().str[1].str.upper()
    assert all(name.startswith("FOX") for name in foxa1[:20])
    jund = explainn.ranked("JUND")["name"].str.split().str[1].str.upper()
    assert all(name.startswith(("JUN", "FOS", "ATF", "BATF", "BACH", "NFE2")) for name in jund[:10])


def test_equal_consensuses_are_one_element(explainn):
    names = explainn.table("elements.parquet")["name"]
    joined = names[names.str.contains("JUND")].str.split(";").map(len)
    assert joined.max() > 1


def test_real_peaks_do_more_than_other_places(ctcf):
    effects = ctcf.table("summary.parquet").query("target == 'log_counts' and kind == 'annotation'")
    annotations = ctcf.table("annotations.parquet").merge(effects, on="element_id")
    elsewhere = annotations["name_x"] == "elsewhere"
    assert (~elsewhere).sum() == 8
    means = annotations.groupby(elsewhere)["effect_mean"].mean()
    assert means[False] > means[True] + 0.1


def test_profiles_agree_with_counts(ctcf):
    profiles = ctcf.table("profiles.parquet")
    counts = ctcf.table("summary.parquet").query("readout == 'counts'")
    keys = ["element_id", "strand", "start", "target"]
    both = profiles.astype({"target": str}).merge(counts.astype({"target": str}), on=keys)
    assert len(both) == len(profiles) == len(counts)
    assert both["after"].map(len).unique().tolist() == [300]
    assert both["after"].map(np.sum).to_numpy() == pytest.approx(both["after_mean"].to_numpy(), rel=1e-4)
    assert both["before"].map(np.sum).to_numpy() == pytest.approx(both["before_mean"].to_numpy(), rel=1e-4)


def test_ctcf_acts_in_the_middle_on_both_strands(scan):
    """The model predicts the 300 central positions of 400."""
    effects = scan.table("summary.parquet")
    assert effects["start"].tolist() == 2 * list(range(0, 382, 10))
    by_strand = effects.pivot(index="start", columns="strand", values="effect_mean")
    middle, ends = by_strand.loc[150:230], by_strand.loc[[0, 380]]
    assert (middle.min() > 1.3).all()
    assert (ends.max() < 0.9 * middle.min().min()).all()
    for row in scan.table("scans.parquet").itertuples():
        print(f"strand {row.strand}: most, {row.effect_mean:.3f}, at {row.start}; half is lost within", end=" ")
        print(f"{row.half_left:.0f} bases to the left, {row.half_right:.0f} to the right")
        own = by_strand[row.strand]
        assert (own.idxmax(), own.max()) == (row.start, row.effect_mean)
        for side, half in (("left", row.half_left), ("right", row.half_right)):
            reach = own.loc[: row.start] if side == "left" else own.loc[row.start :]
            assert np.isnan(half) == (reach.min() > row.effect_mean / 2)
            if not np.isnan(half):
                place = row.start - half if side == "left" else row.start + half
                assert np.interp(place, own.index, own) == pytest.approx(row.effect_mean / 2)


def test_two_sites_of_ctcf_do_less_than_twice_what_one_does(spacing):
    """Log counts saturate; a pair is centred, and its halves stand where they do in it."""
    pairs = spacing.table("cooperativity.parquet")
    assert sorted(set(pairs["orientation"])) == ["++", "+-", "-+", "--"]
    assert (pairs["effect_pair"] > pairs[["effect_first", "effect_second"]].max(axis=1)).mean() > 0.9
    near = pairs[pairs["distance"] <= 50]
    assert (near["cooperativity_ci_high"] < 0).mean() > 0.9
    difference = pairs["effect_pair"] - pairs["effect_first"] - pairs["effect_second"]
    assert pairs["cooperativity"].to_numpy() == pytest.approx(difference.to_numpy(), abs=1e-9)


def test_copies_of_ctcf_do_more_and_more_but_less_than_they_would_apart(spacing):
    copies = spacing.table("copies.parquet")
    print(copies[["n_copies", "effect_mean", "over_one", "over_expected"]].to_string())
    assert copies["n_copies"].tolist() == [1, 2, 3, 4, 5, 6]
    assert (copies["over_one"][1:] > 1).all()
    assert copies["over_expected"].is_monotonic_decreasing
