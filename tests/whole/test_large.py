"""Screens of many targets, and of many motifs, against brute force in float64."""

import random

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import scipy.stats
import torch
from marginalization.config.sections import Config, Readout
from marginalization.design.placement import place
from marginalization.jobs.effects import ROW_GROUP_ROWS
from marginalization.merging.parts import find_parts
from marginalization.merging.summary import merge_effects
from marginalization.statistics.families import families
from screens import finish, run_screen, screen_of, typed
from torch import nn


class Random(nn.Module):
    """A small convolutional network with random weights."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        layers = [nn.Conv1d(4, 16, 9, padding=4), nn.ReLU(), nn.Conv1d(16, 16, 5, padding=2), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(16, 1))

    def forward(self, X):
        return self.layers(X)


def test_random_motifs_in_a_random_network(tmp_path):
    """500 random 10-mers: p is uniform, and hardly any is significant."""
    rng = np.random.default_rng(1)
    motifs = sorted({"".join(rng.choice(list("ACGT"), 10)) for _ in range(500)})
    letters = ["".join(rng.choice(list("ACGT"), 80)) for _ in range(20)]
    config = screen_of(
        tmp_path, motifs, letters, models={"random": {"factory": "test_large:Random"}}, controls={"shuffles": 10}
    )
    summary = pd.read_parquet(finish(config, run_screen(config, tmp_path), tmp_path) / "summary.parquet")
    own = summary[summary["kind"] == "motif"]
    assert (own["n_controls"] >= 9).all()
    assert (own["p_value"] < 0.05).mean() > 0.1  # the test over backgrounds calls many of them
    assert 0.03 <= (own["control_p"] < 0.05).mean() <= 0.07
    assert scipy.stats.kstest(own["control_p"], "uniform").pvalue > 0.001
    assert own["significant"].sum() <= 2


class Many(nn.Module):
    """Of 1,100 targets: whole numbers that depend on letters and positions."""

    def forward(self, X):
        return X.flatten(1) @ torch.as_tensor(MANY, dtype=X.dtype)


MANY = np.random.default_rng(0).integers(-9, 9, (4 * 12, 1100))


def test_more_targets_and_backgrounds_than_a_row_group_takes(tmp_path):
    """Of one placement, 1,100 targets in 1,000 backgrounds are more rows than pyarrow writes at a time."""
    drawn = random.Random(2)
    letters = ["".join(drawn.choices("ACGT", k=12)) for _ in range(1000)]
    readouts = {"many": {"output": 0}}
    config = screen_of(tmp_path, ["TGA"], letters, models={"toy": {"factory": "test_large:Many"}}, readouts=readouts)
    run = run_screen(config, tmp_path)
    metadata = pq.ParquetFile(run.effects[0]).metadata
    sizes = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    assert sum(sizes) == 1100 * 1000
    assert max(sizes) <= ROW_GROUP_ROWS  # what the merge holds does not grow with the targets either
    parts = find_parts(run.effects, run.placed, run.targets)
    merge_effects(
        parts,
        run.placed,
        families(run.elements, None),
        typed(dict[str, Readout], readouts),
        tmp_path / "summary.parquet",
        {},
    )
    summary = pd.read_parquet(tmp_path / "summary.parquet").astype({"target": str}).set_index(["element_id", "target"])
    order = [str(i) for i in range(1100)]
    one_hot = np.array([[[letter == base for letter in s] for base in "ACGT"] for s in letters], dtype=float)
    before = one_hot.reshape(1000, -1) @ MANY
    for placed in place(run.elements, Config.of(config).placement, 12):
        changed = one_hot.copy()
        for i, letter in enumerate(placed.sequence, placed.start):
            changed[:, :, i] = [letter == base for base in "ACGT"]
        effect = changed.reshape(1000, -1) @ MANY - before
        rows = summary.loc[placed.element_id].loc[order]
        np.testing.assert_array_equal(rows["effect_mean"], effect.mean(axis=0))
        np.testing.assert_allclose(rows["effect_std"], effect.std(axis=0, ddof=1), rtol=1e-12)
        np.testing.assert_array_equal(rows["effect_q95"], np.quantile(effect, 0.95, axis=0))
