"""Groups of models: statistics of averaged predictions, and how far their models agree."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from marginalization.config.sections import Readout
from marginalization.errors import InputError
from marginalization.merging.means import merge_profiles
from marginalization.merging.parts import find_parts
from marginalization.merging.summary import merge_effects
from marginalization.statistics.families import families
from marginalization.statistics.summary import agreement, summarize
from marginalization.store.schemas import STATISTICS
from screens import run_screen, screen_of, typed

MODEL = """
import torch


class Fold(torch.nn.Module):
    def __init__(self, seed):
        super().__init__()
        self.weights = torch.nn.Parameter(torch.randn(4, 12, generator=torch.Generator().manual_seed(seed)))

    def forward(self, X):
        h = X * self.weights
        return h[:, :2], h.sum((1, 2)).unsqueeze(1).square(), h.sum(2)[:, :2]
"""
READOUTS = {
    "counts": {"profile": {"logits": 0, "counts": 1, "keep": True}},
    "letters": {"output": 2, "targets": ["C", "A"]},
}
KEYS = ["readout", "target", "element_id", "strand", "start"]
FOLDS = ["a", "b", "c"]


@pytest.fixture(scope="module", params=[(1000, 10**6), (2, 20)], ids=str)
def folds(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("folds")
    (folder / "model.py").write_text(MODEL)
    models = {name: {"factory": f"{folder / 'model.py'}:Fold", "kwargs": {"seed": i}} for i, name in enumerate(FOLDS)}
    shards = dict(zip(("backgrounds", "marginals"), request.param, strict=True))
    letters = ["ACGTACGTACGT", "AAAACCCCGGGT", "TTTTTTTTTTTA", "ACACACGTGTGT", "GGGGGGGATTTT"]
    config = screen_of(folder, ["ACG", "TTTT", "CAC", "GG"], letters, models=models, readouts=READOUTS, shards=shards)
    return folder, run_screen(config, folder)


def merged(folder, run, groups):
    effects, profiles = (find_parts(paths, run.placed, run.targets, groups) for paths in (run.effects, run.profiles))
    merge_effects(
        effects,
        run.placed,
        families(run.elements, None),
        typed(dict[str, Readout], READOUTS),
        folder / "summary.parquet",
        {},
    )
    merge_profiles(profiles, run.placed, 12, folder / "profiles.parquet", {})
    return pd.read_parquet(folder / "summary.parquet"), pd.read_parquet(folder / "profiles.parquet")


def test_a_group_is_of_averaged_predictions(folds):
    folder, run = folds
    summary, profiles = merged(folder, run, {"all": FOLDS, "two": ["c", "a"]})
    assert summary["model"].unique().tolist() == ["a", "all", "b", "c", "two"]
    effects = pd.read_parquet(Path(run.effects[0]).parents[2]).astype({"model": str})
    for group, models in {"all": FOLDS, "two": ["a", "c"], **{name: [name] for name in FOLDS}}.items():
        rows = summary[summary["model"] == group].reset_index(drop=True)
        assert (rows["n_models"] == len(models)).all()
        sides = []
        for side in ("before", "after"):
            wide = effects[effects["model"].isin(models)].pivot_table(
                index=KEYS, columns=["model", "background_id"], values=side, observed=True
            )
            wide = wide.loc[rows[KEYS].itertuples(index=False, name=None)].to_numpy(np.float64)
            sides.append(wide.reshape(len(rows), len(models), 5).transpose(1, 0, 2))
        before, after = sides
        expected = summarize(before.mean(0), after.mean(0))
        expected |= agreement((after - before).mean(2), expected["effect_mean"])
        for name in STATISTICS:
            np.testing.assert_allclose(rows[name], expected[name], rtol=1e-9, atol=1e-12, err_msg=name)

    at = ["target", "element_id", "strand", "start"]
    by_model = {model: rows.set_index(at) for model, rows in profiles.groupby("model", observed=True)}
    assert sorted(by_model) == ["a", "all", "b", "c", "two"]
    for side in ("before", "after"):
        mean = np.mean([np.stack(by_model[fold][side]) for fold in FOLDS], axis=0)
        np.testing.assert_allclose(np.stack(by_model["all"][side]), mean, rtol=1e-5)


def test_agreement_known_answers():
    found = agreement(np.array([[1.0, -2.0, 0.0], [3.0, 1.0, 0.0], [-1.0, -5.0, 3.0]]), np.array([1.0, -2.0, 1.0]))
    np.testing.assert_allclose(found["models_std"], [2, 3, 3**0.5])
    assert found["n_models_agree"].tolist() == [2, 2, 1]
    assert np.isnan(agreement(np.array([[1.0]]), np.array([1.0]))["models_std"][0])


def test_models_of_different_targets_make_no_group(folds):
    _, run = folds
    targets = run.targets | {"b": {**run.targets["b"], "letters": ["A", "G"]}}
    with pytest.raises(InputError, match=r"^config: groups.all: a and b have different targets, so they can not be"):
        find_parts(run.effects, run.placed, targets, {"all": FOLDS})
