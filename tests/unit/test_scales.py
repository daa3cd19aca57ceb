"""Scales of effects: each by itself, and in the tables of screens, against brute force, numpy and scipy."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.special
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from marginalization.config.sections import Config
from marginalization.errors import InputError
from marginalization.merging.parts import find_parts
from marginalization.merging.summary import merge_effects
from marginalization.sequences.letters import identifier
from marginalization.statistics.families import families
from marginalization.statistics.scales import Scale, effect, scale_of
from screens import run_screen, screen_of

POSITIVE = st.floats(2**-20, 2**20, width=32)
SHARES = st.floats(0, 1, width=32, exclude_min=True, exclude_max=True)
VALUES = {"difference": st.floats(-(2**20), 2**20, width=32), "log_odds": SHARES}


def by_hand(before, after, name, c):
    """An effect in Python's own floats."""
    return {
        "difference": lambda: after - before,
        "log2_fold_change": lambda: math.log2((after + c) / (before + c)),
        "ratio": lambda: (after + c) / (before + c),
        "log_odds": lambda: math.log(after / (1 - after)) - math.log(before / (1 - before)),
    }[name]()


@st.composite
def predictions(draw):
    """A scale, and equally many values before and after within its domain."""
    name = draw(st.sampled_from(["difference", "log2_fold_change", "ratio", "log_odds"]))
    c = draw(st.sampled_from([0, 0.5, 1, 3.25])) if name in ("log2_fold_change", "ratio") else 0
    values = st.tuples(*[VALUES.get(name, POSITIVE)] * 2)
    return Scale(name, c), draw(st.lists(values, min_size=1, max_size=8))


@settings(deadline=None)
@given(predictions())
def test_scales_equal_brute_force(drawn):
    scale, pairs = drawn
    before, after = np.array(pairs, dtype=np.float32).T
    found = effect(before, after, scale)
    assert found.dtype == np.float64
    expected = [by_hand(b, a, *scale) for b, a in pairs]
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-13 * np.abs(scipy.special.logit(2**-149)))
    # Nothing changed is the neutral value to the last bit, and more is above it.
    assert (effect(after, after, scale) == scale.neutral).all()
    low, high = scale.domain
    assert ((low < before) & (before < high)).all()
    np.testing.assert_array_equal(found > scale.neutral, after.astype("f8") > before.astype("f8"))


def test_known_answers():
    before, after = np.array([1, 3]), np.array([7, 3])
    assert effect(before, after, Scale("difference")).tolist() == [6, 0]
    assert effect(before, after, Scale("ratio")).tolist() == [7, 1]
    assert effect(before, after, Scale("ratio", 1)).tolist() == [4, 1]
    assert effect(before, after, Scale("log2_fold_change", 1)).tolist() == [2, 0]
    odds = effect(np.array([0.5, 0.2]), np.array([0.75, 0.2]), Scale("log_odds"))
    np.testing.assert_allclose(odds, [math.log(3), 0], rtol=1e-15)


def test_a_readouts_scale():
    assert scale_of({}) == Scale("difference", 0) == Scale()
    assert scale_of({"effect": "ratio", "pseudocount": 2}) == Scale("ratio", 2)


MODEL = """
import torch


class Fold(torch.nn.Module):
    def __init__(self, seed):
        super().__init__()
        weights = torch.randn(2, 4, 12, generator=torch.Generator().manual_seed(seed))
        # So few digits that sums are exact, whatever the batch: an element of N changes nothing.
        self.weights = torch.nn.Parameter((weights * 1024).round() / 1024)

    def forward(self, X):
        y = torch.einsum("nlp,tlp->nt", X, self.weights).square()
        return y, (y + 1) / (y + 2)
"""
READOUTS = {
    "change": {"output": 1},
    "fold": {"output": 0, "effect": "log2_fold_change", "pseudocount": 0.5},
    "odds": {"output": 1, "effect": "log_odds", "targets": ["z", "a"]},
    "times": {"output": 0, "effect": "ratio"},
}
SCALES = {
    "change": (0, lambda b, a: a - b),
    "fold": (0, lambda b, a: np.log2((a + 0.5) / (b + 0.5))),
    "odds": (0, lambda b, a: scipy.special.logit(a) - scipy.special.logit(b)),
    "times": (1, lambda b, a: a / b),
}
FOLDS = ["x", "y", "z"]
GROUPS = {"all": FOLDS, "two": ["z", "x"]}
KEYS = ["readout", "target", "element_id", "strand", "start"]
LETTERS = ["ACGTACGTACGT", "AAAACCGCGGGT", "TTTTTTGTTTTA", "ACACACGTGTGT", "GGGGGGGATTTT"]


@pytest.fixture(scope="module", params=[(1000, 10**6), (2, 20)], ids=str)
def tables(request, tmp_path_factory):
    """Effects and summary of a screen on all scales, of three models and two groups, in one shard or several."""
    folder = tmp_path_factory.mktemp("scales")
    (folder / "model.py").write_text(MODEL)
    models = {name: {"factory": f"{folder / 'model.py'}:Fold", "kwargs": {"seed": i}} for i, name in enumerate(FOLDS)}
    shards = dict(zip(("backgrounds", "marginals"), request.param, strict=True))
    motifs = ["ACG", "TTTT", "CAC", "GG", "G"]  # the last is in all backgrounds where it is placed
    config = screen_of(folder, motifs, LETTERS, models=models, readouts=READOUTS, shards=shards)
    run = run_screen(config, folder)
    assert (run.plan.n_jobs > 3) == (request.param[0] < 1000)
    parts = find_parts(run.effects, run.placed, run.targets, GROUPS)
    among = families(run.elements, None)
    merge_effects(parts, run.placed, among, Config.of(config).readouts, folder / "summary.parquet", {})
    names = dict.fromkeys(["model", *KEYS[:4]], str)
    effects = pd.read_parquet(Path(run.effects[0]).parents[2]).astype(names)
    return effects, pd.read_parquet(folder / "summary.parquet").astype(names)


def test_effects_are_on_their_scale(tables):
    effects, _ = tables
    for readout, rows in effects.groupby("readout"):
        before, after = rows["before"].to_numpy("f8"), rows["after"].to_numpy("f8")
        expected = SCALES[readout][1](before, after)
        np.testing.assert_allclose(rows["effect"], expected, rtol=1e-6, atol=1e-7, err_msg=readout)


def test_the_summary_equals_scipy_on_the_effects(tables):
    effects, summary = tables
    of_place = dict(list(effects.groupby(KEYS)))
    compared = 0
    for row in summary.to_dict("records"):
        models = GROUPS.get(row["model"], [row["model"]])
        these = of_place[tuple(row[key] for key in KEYS)]
        these = these[these["model"].isin(models)]
        before, after = (
            these.pivot(index="model", columns="background_id", values=side).to_numpy("f8")
            for side in ("before", "after")
        )
        neutral, formula = SCALES[row["readout"]]
        values = formula(before.mean(axis=0), after.mean(axis=0))
        of_models = formula(before, after).mean(axis=1)
        changed = values - neutral
        method = "exact" if 0 not in changed and len({*np.abs(changed)}) == 5 else "asymptotic"
        expected = {
            "before_mean": before.mean(),
            "after_mean": after.mean(),
            "effect_mean": values.mean(),
            "effect_std": values.std(ddof=1),
            "effect_sem": scipy.stats.sem(values),
            "effect_median": np.median(values),
            **{f"effect_q{q:02d}": np.quantile(values, q / 100) for q in (5, 25, 75, 95)},
            "effect_min": values.min(),
            "effect_max": values.max(),
            "fraction_positive": (values > neutral).mean(),
            "p_value": scipy.stats.wilcoxon(changed, method=method).pvalue if changed.any() else 1,
            "models_std": of_models.std(ddof=1) if len(models) > 1 else math.nan,
            "n_models_agree": sum(np.sign(of_models - neutral) == np.sign(values.mean() - neutral)),
            "n_models": len(models),
        }
        if changed.any():
            interval = scipy.stats.ttest_1samp(values, neutral).confidence_interval()
            expected |= {"effect_ci_low": interval.low, "effect_ci_high": interval.high}
            expected["effect_size"] = changed.mean() / values.std(ddof=1)
            compared += 1
        else:
            assert row["effect_mean"] == neutral
        for name, value in expected.items():
            np.testing.assert_allclose(row[name], value, rtol=1e-9, atol=1e-12, err_msg=f"{row['name']} {name}")
    assert compared == 4 * len(summary) / 5 > 0  # all but G
    for (_, readout, _), rows in summary.groupby(["model", "readout", "target"]):
        sizes = (rows["effect_mean"] - SCALES[readout][0]).abs()
        assert rows["rank"].tolist() == scipy.stats.rankdata(-sizes, method="min").tolist()
        np.testing.assert_allclose(rows["q_value"], scipy.stats.false_discovery_control(rows["p_value"]), rtol=1e-12)


CONSTANT = """
import torch

def make(value, at_least):
    def model(X):
        return X[:, 0].sum(-1).mul(0).add(0.25).masked_fill(X[:, 1].sum(-1) >= at_least, value)

    return model
"""
ABOVE = "give the readout a larger `pseudocount`, or another `effect`"
BETWEEN = "float32 values above 0 and below 1; give the readout another `effect`"


@pytest.mark.parametrize(("at_least", "where"), [(9, f"with element {identifier('CCC')} (CCC)"), (8, "as it is")])
@pytest.mark.parametrize(
    ("scale", "value", "needs"),
    [
        ({"effect": "log2_fold_change"}, 0.0, f"float32 values above 0; {ABOVE}"),
        ({"effect": "log2_fold_change", "pseudocount": 0.5}, -0.5, f"float32 values above -0.5; {ABOVE}"),
        ({"effect": "ratio"}, -3.0, f"float32 values above 0; {ABOVE}"),
        ({"effect": "ratio"}, 1e-50, f"float32 values above 0; {ABOVE}"),  # 0 as it is written
        ({"effect": "ratio", "pseudocount": 0.7}, -0.7, f"float32 values above -0.7; {ABOVE}"),  # more as it is written
        ({"effect": "log_odds"}, 0.0, BETWEEN),
        ({"effect": "log_odds"}, 1.0, BETWEEN),
        ({"effect": "log_odds"}, 1 - 1e-12, BETWEEN),  # 1 as it is written
        ({"effect": "log_odds"}, -0.5, BETWEEN),
    ],
)
def test_values_for_which_a_scale_has_no_meaning(tmp_path, scale, value, needs, at_least, where):
    """Background 1 has 8 C, and 9 with CCC in its centre."""
    (tmp_path / "model.py").write_text(CONSTANT)
    spec = {"factory": f"{tmp_path / 'model.py'}:make", "kwargs": {"value": value, "at_least": at_least}}
    options = {"models": {"toy": spec}, "readouts": {"head": scale}, "compute": {"dtype": "float64"}}
    config = screen_of(tmp_path, ["AT", "CCC"], ["A" * 12, "ACCCCACCCCAA", "A" * 12], **options)
    with pytest.raises(InputError) as error:
        run_screen(config, tmp_path)
    place = f"background 1 (background_1) {where}"
    assert str(error.value) == f"readout head is {value} for {place}, but its effect {scale['effect']} needs {needs}"
    assert not list(tmp_path.rglob("[0-9]*.parquet"))


def test_a_pseudocount_is_a_remedy(tmp_path):
    (tmp_path / "model.py").write_text(CONSTANT)
    spec = {"factory": f"{tmp_path / 'model.py'}:make", "kwargs": {"value": -0.5, "at_least": 9}}
    readouts = {"head": {"effect": "ratio", "pseudocount": 0.75}}
    letters = ["A" * 12, "ACCCCACCCCAA"]
    run = run_screen(screen_of(tmp_path, ["CCC"], letters, models={"toy": spec}, readouts=readouts), tmp_path)
    assert pd.read_parquet(run.effects[0])["effect"].tolist() == [1, 0.25]
