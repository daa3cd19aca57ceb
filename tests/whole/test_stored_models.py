"""Every way to store a model, and to give it further inputs, in whole screens; those of a folder by the workflow."""

import sys

import keras_files as kf
import numpy as np
import pandas as pd
import pytest
import torch
from marginalization.config.resolving import resolve
from safetensors.torch import save_file
from scipy.spatial.distance import jensenshannon
from screens import SCHEMA, finish, run_screen
from workflows import run


@pytest.fixture
def lab_module(lab, monkeypatch):
    monkeypatch.syspath_prepend(lab)
    sys.modules.pop("lab", None)
    import lab as module

    return module


@pytest.fixture
def screen(lab, monkeypatch):
    """A small screen, to be completed by models, in whose folder the test runs."""
    monkeypatch.chdir(lab)
    return {
        "screen": "models",
        "elements": {"motifs": [{"file": "motifs.tsv"}]},
        "backgrounds": {"length": 40, "random": {"n": 6, "gc": 0.4}},
    }


def run_here(lab, config):
    """Run all jobs of a screen in this process; the folder of its results."""
    resolve(config, str(SCHEMA))
    return finish(config, run_screen(config, lab), lab)


def test_all_ways_to_store_a_model_give_the_same(lab, lab_module, screen):
    model = lab_module.Letters(weights=(3.0, 1.0, 4.0, 1.5))
    X = torch.zeros(2, 4, 40)
    torch.jit.trace(model, X).save(lab / "scripted.pt")
    program = torch.export.export(model, (X,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    torch.export.save(program, lab / "exported.pt2")
    torch.save(model.state_dict(), lab / "weights.pt")
    save_file(model.state_dict(), lab / "weights.safetensors")
    torch.save(model, lab / "pickled.pt")
    models = {
        "scripted": {"file": "scripted.pt"},
        "exported": {"file": "exported.pt2"},
        "weights": {"factory": "lab.py:Letters", "weights": "weights.pt"},
        "safetensors": {"factory": "lab.py:Letters", "weights": "weights.safetensors"},
        "kwargs": {"factory": "lab.py:Letters", "kwargs": {"weights": [3.0, 1.0, 4.0, 1.5]}},
        "pickled": {"file": "pickled.pt", "trust_pickle": True},
    }
    readouts = {"halves": {"targets": ["left", "right"]}, "own": {"function": "lab.py:halves"}}
    summary = pd.read_parquet(run_here(lab, screen | {"models": models, "readouts": readouts}) / "summary.parquet")
    assert summary["model"].unique().tolist() == sorted(summary["model"].unique())
    assert summary["model"].nunique() == 6
    by_model = {model: rows.drop(columns="model").reset_index(drop=True) for model, rows in summary.groupby("model")}
    reference = by_model.pop("kwargs")
    for rows in by_model.values():
        pd.testing.assert_frame_equal(rows, reference)
    single = reference[reference["name"] == "single"].set_index("target")["effect_mean"]
    assert single["left"] == 0
    assert single["right"] == -single["0"] != 0


def test_further_inputs_go_along_with_their_backgrounds(lab, screen):
    number = np.arange(6, dtype=np.float32)[:, None] * 10
    np.savez(lab / "numbers.npz", number=number, other=number + 1)
    inputs = [{"constant": 0.5, "shape": [2, 7]}, {"file": "numbers.npz", "key": "number"}]
    model = {"factory": "lab.py:Controlled", "inputs": inputs}
    results = run_here(lab, screen | {"models": {"controlled": model}, "shards": {"backgrounds": 4}})
    effects = pd.read_parquet(results / "effects")
    backgrounds = pd.read_parquet(results / "backgrounds.parquet").set_index("background_id")
    sequences = backgrounds.loc[effects["background_id"], "sequence"]
    expected = sequences.str.count("A").to_numpy() + 7 + 10 * effects["background_id"]
    assert (effects["before"] == expected).all()


def test_profiles_and_their_counts_averaged_over_strands(lab, lab_module, screen):
    profile = {"profile": {"logits": 0, "counts": 1}, "positions": 10}
    scaled = {"profile": {"logits": 0, "counts": 1, "keep": False}, "effect": "log2_fold_change", "pseudocount": 0.5}
    placement = {"strands": "both", "average_strands": True}
    sections = {"models": {"heads": {"factory": "lab.py:TwoHeads"}}, "placement": placement}
    sections |= {"readouts": {"counts": profile, "folds": {**scaled, "positions": 10}}, "shards": {"backgrounds": 4}}
    results = run_here(lab, screen | sections)
    profiles = pd.read_parquet(results / "profiles.parquet")
    columns = ["model", "readout", "target", "element_id", "strand", "start", "name", "before", "after"]
    columns += ["log2_fold_change", "jensen_shannon", "footprint_before", "footprint_after", "largest_change"]
    assert profiles.columns.tolist() == columns
    assert len(profiles) == 3 * 2 * 2

    def counts(sequence):
        """Expected counts (strands, positions) in float64, from the definition."""
        one_hot = np.array([[letter == base for letter in sequence] for base in "ACGT"], dtype=float)
        logits = 3 * one_hot[[2, 1]]
        return np.exp(logits) / np.exp(logits).sum() * 10 * one_hot[2].sum()

    def averaged(sequence):
        reverse = sequence.translate(str.maketrans("ACGT", "TGCA"))[::-1]
        return (counts(sequence) + counts(reverse)[::-1, ::-1]) / 2

    backgrounds = pd.read_parquet(results / "backgrounds.parquet")["sequence"]
    before = np.mean([averaged(sequence) for sequence in backgrounds], axis=0)
    row = profiles[(profiles["name"] == "wide") & (profiles["strand"] == "+")].set_index("target")
    after = np.mean([averaged(s[:14] + "ACGTACGTACGTA" + s[27:]) for s in backgrounds], axis=0)
    for strand, target in enumerate("+-"):
        assert row.loc[target, "before"] == pytest.approx(before[strand], rel=1e-5)
        assert row.loc[target, "after"] == pytest.approx(after[strand], rel=1e-5)
        measured = {
            "log2_fold_change": np.log2(after[strand].sum() / before[strand].sum()),
            "jensen_shannon": jensenshannon(before[strand], after[strand], base=2),
            "footprint_before": before[strand].max() / before[strand].sum(),
            "footprint_after": after[strand].max() / after[strand].sum(),
            "largest_change": np.abs(after[strand] - before[strand]).argmax(),
        }
        assert row.loc[target, list(measured)].to_dict() == pytest.approx(measured, rel=1e-5)
    summary = pd.read_parquet(results / "summary.parquet")
    found = summary[(summary["name"] == "wide") & (summary["strand"] == "+")].set_index("target")
    folds, found = found[found["readout"] == "folds"], found[found["readout"] == "counts"]
    assert found.loc["+", "after_mean"] == pytest.approx(after[0, 15:25].sum(), rel=1e-6)
    assert found.loc["-", "before_mean"] == pytest.approx(before[1, 15:25].sum(), rel=1e-6)
    sides = [
        np.array([averaged(s)[:, 15:25].sum(axis=1) + 0.5 for s in sequences])
        for sequences in (backgrounds, [s[:14] + "ACGTACGTACGTA" + s[27:] for s in backgrounds])
    ]
    log2_fold_change = np.log2(sides[1] / sides[0]).mean(axis=0)
    assert folds.loc[["+", "-"], "effect_mean"].tolist() == pytest.approx(log2_fold_change, rel=1e-5)


def test_a_folder_of_chrombpnet_folds_needs_no_more_than_its_path(lab, screen):
    """Lengths, readouts and the group of folds come with it; effects are those of the same layers in float64."""
    for fold in range(2):
        kf.write(lab / f"atac/fold_{fold}/model.chrombpnet_nobias.fold_{fold}.ENCSR1.h5", kf.branch(fold))
        kf.write(lab / f"atac/fold_{fold}/model.bias_scaled.fold_{fold}.ENCSR1.h5", kf.branch(9, without_bias=False))
    screen |= {"models": {"atac": {"chrombpnet": "atac"}}, "backgrounds": {"random": {"n": 6, "gc": 0.4}}}
    run(lab, screen)
    results = lab / "results/models"
    effects, elements = pd.read_parquet(results / "effects"), pd.read_parquet(results / "elements.parquet")
    backgrounds = pd.read_parquet(results / "backgrounds.parquet").set_index("background_id")["sequence"]
    effects = effects[(effects["readout"] == "log_counts") & (effects["strand"] == "+")]
    assert effects["effect"].abs().max() > 0.01
    one_hot = {letter: row for letter, row in zip("ACGT", np.eye(4), strict=True)}
    sequences = elements.set_index("element_id")["sequence"]
    means = []
    for fold in range(2):
        rows = effects[effects["model"] == f"atac.fold_{fold}"].sort_values(["element_id", "background_id"])
        before, after = [], []
        for element, background, start in rows[["element_id", "background_id", "start"]].itertuples(index=False):
            letters = list(backgrounds[background])
            before.append([one_hot[letter] for letter in letters])
            for i, letter in enumerate(sequences[element], start):
                letters[i] = letters[i] if letter == "N" else letter
            after.append([one_hot[letter] for letter in letters])
        before, after = (kf.branch_outputs(kf.branch(fold), np.array(X))[1][:, 0] for X in (before, after))
        np.testing.assert_allclose(rows["effect"], after - before, rtol=0, atol=1e-5)
        means.append(rows.assign(effect=after - before).groupby("element_id")["effect"].mean())
    summary = pd.read_parquet(results / "summary.parquet")
    summary = summary[(summary["model"] == "atac") & (summary["readout"] == "log_counts") & (summary["strand"] == "+")]
    group = summary.drop_duplicates("element_id").set_index("element_id")["effect_mean"]
    np.testing.assert_allclose(group.sort_index(), (means[0] + means[1]).sort_index() / 2, rtol=0, atol=1e-5)
    assert set(pd.read_parquet(results / "profiles.parquet")["model"]) == {"atac", "atac.fold_0", "atac.fold_1"}
