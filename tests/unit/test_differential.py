"""Differences between models, groups and targets, against a brute force in float64."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import scipy.stats
from marginalization.config.sections import Comparison, Readout
from marginalization.errors import InputError
from marginalization.merging.differential import merge_differential
from marginalization.merging.parts import find_parts
from marginalization.statistics.families import families
from marginalization.statistics.nulls import compare
from marginalization.store.schemas import DIFFERENTIAL
from screens import run_screen, screen_of, typed
from test_cooperativity import LETTERS, MODEL, READOUTS

MOTIFS = ["ACGT", "TTGCA", "CAGGA", "GGNTA", "TACATG", "CCCGT"]
GROUPS = {"both": ["a", "b"]}
COMPARISONS = [
    {"first": "a", "second": "c", "scaled": False},
    {"first": "both", "second": "c", "scaled": True},
    {"first": "z", "second": "A", "readout": "letters", "scaled": True},
]
PLACEMENT = {"start": [1, 6], "strands": "both"}
PLACE = ["element_id", "strand", "start"]


@pytest.fixture(scope="module", params=[(1000, 10**6), (3, 60)], ids=["one job", "many"])
def screen(request, tmp_path_factory):
    """Three models, two of them a group, in one job or many: its run, and its effects by all that they are of."""
    folder = tmp_path_factory.mktemp("differences")
    (folder / "model.py").write_text(MODEL)
    models = {
        name: {"factory": f"{folder / 'model.py'}:Fold", "kwargs": {"seed": seed}} for seed, name in enumerate("abc")
    }
    config = screen_of(
        folder,
        MOTIFS,
        LETTERS,
        controls={"shuffles": 5},
        models=models,
        groups=GROUPS,
        readouts=READOUTS,
        placement=PLACEMENT,
        shards=dict(zip(("backgrounds", "marginals"), request.param, strict=True)),
    )
    run = run_screen(config, folder)
    effects = pd.read_parquet(Path(run.effects[0]).parents[2])
    effects = effects.astype({column: str for column in effects if effects[column].dtype == "category"})
    wide = effects.pivot_table(index=["model", "readout", "target", *PLACE], columns="background_id")
    return config, run, wide["before"].astype(np.float64), wide["after"].astype(np.float64)


def merged(screen, folder, comparisons, run=None):
    config, ran, *_ = screen
    path = folder / "differential.parquet"
    screened = find_parts((run or ran).effects, ran.placed, ran.targets, GROUPS)
    among = families(ran.elements, config["elements"]["controls"])
    merge_differential(
        typed(tuple[Comparison, ...], comparisons),
        screened,
        ran.placed,
        among,
        typed(dict[str, Readout], READOUTS),
        path,
        {"seed": 0},
    )
    assert pq.read_schema(path).remove_metadata() == DIFFERENTIAL
    table = pd.read_parquet(path)
    return table.astype({column: object for column in table if table[column].dtype == "category"})


def side(screen, model, readout, target):
    """Its effects (placements, backgrounds), in the order of the elements, by a loop over the models of a group."""
    _, run, before, after = screen
    members = [(of.loc[m, readout, target]) for of in (before, after) for m in GROUPS.get(model, [model])]
    n = len(members) // 2
    effects = sum(members[n:]) / n - sum(members[:n]) / n
    return effects.loc[[tuple(row) for row in run.placed[PLACE].astype({"strand": str}).itertuples(index=False)]]


def spread_of_controls(run, effects):
    """The standard deviation of the controls around the mean of their siblings, placement by placement."""
    mean = effects.mean(axis=1).to_numpy()
    parent = run.placed["control_of"]
    squares, df = 0.0, 0
    for _, rows in run.placed[parent.notna()].groupby(["control_of", "strand", "start"], observed=True):
        # A shuffle has the width of its element, so it stands at the same starts.
        own = mean[rows.index]
        squares, df = squares + ((own - own.mean()) ** 2).sum(), df + len(own) - 1
    return np.sqrt(squares / df)


def test_brute_force(screen, tmp_path):
    config, run, *_ = screen
    table = merged(screen, tmp_path, COMPARISONS)
    names = table[["first", "second", "model", "readout", "target"]].drop_duplicates()
    expected = [
        *(("a", "c", None, *of) for of in (("letters", "A"), ("letters", "z"), ("square", "x"))),
        *(("both", "c", None, *of) for of in (("letters", "A"), ("letters", "z"), ("square", "x"))),
        *(("z", "A", model, "letters", None) for model in ("a", "b", "both", "c")),
    ]
    assert [tuple(row) for row in names.where(names.notna(), None).to_numpy()] == expected
    among = families(run.elements, config["elements"]["controls"])
    for first, second, model, readout, target in expected:
        own = table["first"].eq(first) & table["second"].eq(second) & table["readout"].eq(readout)
        own &= table["model"].eq(model) if model else table["target"].eq(target)
        rows = table[own]
        assert rows[PLACE].to_numpy().tolist() == run.placed[PLACE].to_numpy().tolist()
        sides = [side(screen, model or name, readout, name if model else target).to_numpy() for name in (first, second)]
        scaled = first != "a"
        units = [spread_of_controls(run, pd.DataFrame(y)) if scaled else 1.0 for y in sides]
        values = sides[0] / units[0] - sides[1] / units[1]
        n = values.shape[1]
        half = scipy.stats.t.ppf(0.975, n - 1) * values.std(axis=1, ddof=1) / np.sqrt(n)
        p = [
            scipy.stats.wilcoxon(v, method="exact" if 0 not in v and len(set(abs(v))) == n else "asymptotic").pvalue
            if v.any()
            else 1.0
            for v in values
        ]
        for name, brute in {
            "effect_first": sides[0].mean(axis=1),
            "effect_second": sides[1].mean(axis=1),
            "unit_first": units[0],
            "unit_second": units[1],
            "difference": values.mean(axis=1),
            "difference_std": values.std(axis=1, ddof=1),
            "difference_ci_low": values.mean(axis=1) - half,
            "difference_ci_high": values.mean(axis=1) + half,
            "p_value": p,
        }.items():
            np.testing.assert_allclose(
                rows[name], np.broadcast_to(brute, len(rows)), rtol=1e-9, atol=1e-9, err_msg=name
            )
        shape = len(run.elements), -1
        against = compare(np.reshape(p, shape), values.mean(axis=1).reshape(shape), among)
        for name in ("q_value", "control_mean", "control_std", "control_z", "control_p", "element_p", "element_q"):
            np.testing.assert_allclose(rows[name].astype(float), against[name], rtol=1e-7, atol=1e-9, err_msg=name)


def test_any_number_and_order_of_shards(screen, tmp_path):
    _, run, *_ = screen
    table = merged(screen, tmp_path, COMPARISONS)
    turned = merged(screen, tmp_path, COMPARISONS, run._replace(effects=run.effects[::-1]))
    pd.testing.assert_frame_equal(table, turned)


def test_models_and_targets_that_share_nothing(screen, tmp_path):
    with pytest.raises(InputError, match=r"compare\[0\]: letters of a has no target y; there are A, z"):
        merged(screen, tmp_path, [{"first": "z", "second": "y", "readout": "letters", "scaled": False}])
    config, run, *_ = screen
    apart = {**run.targets, "c": {"letters": ["B", "y"], "square": ["w"]}}
    screened = find_parts(run.effects, run.placed, apart, {})
    among = families(run.elements, config["elements"]["controls"])
    with pytest.raises(InputError, match="a and c have no target in common"):
        merge_differential(
            typed(tuple[Comparison, ...], COMPARISONS[:1]),
            screened,
            run.placed,
            among,
            typed(dict[str, Readout], READOUTS),
            tmp_path / "x.parquet",
            {},
        )
