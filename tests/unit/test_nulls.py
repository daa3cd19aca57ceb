"""Effects against those of controls: a brute force in float64, and nulls whose answer is known."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from marginalization.config.checks import readouts_of
from marginalization.merging.parts import find_parts
from marginalization.merging.summary import merge_effects
from marginalization.sequences.letters import identifier
from marginalization.statistics.nulls import CONTROL_COLUMNS, PRIOR_DF, Families, compare, families
from screens import resolved, run_screen, screen_of


def t_of(x, siblings, pooled, pooled_df):
    """How far x is from its siblings, from sums of squares within the stratum."""
    n = len(siblings)
    if n == 0 or pooled_df <= 0:
        return math.nan
    mean = math.fsum(siblings) / n
    if x == pytest.approx(mean, rel=1e-12, abs=0):
        return 0.0
    squares = math.fsum((s - mean) ** 2 for s in siblings)
    variance = (PRIOR_DF * pooled / pooled_df + squares) / (PRIOR_DF + n - 1)
    if variance < 1e-24 * x**2:
        return math.inf
    return (x - mean) / math.sqrt(variance * (1 + 1 / n))


def within(groups):
    """Sum of squares within groups, and its degrees of freedom."""
    squares = math.fsum(math.fsum((x - math.fsum(g) / len(g)) ** 2 for x in g) for g in groups if g)
    return squares, sum(max(len(g) - 1, 0) for g in groups)


def brute_force(effect, among):
    """What `against_controls` says, element by element, each sum anew."""
    n_elements, n_placements = effect.shape
    members = {f: np.flatnonzero(among.is_control & (among.family == f)) for f in range(len(among.stratum))}
    found = {name: np.full(effect.shape, np.nan) for name in CONTROL_COLUMNS[:5]}
    t = np.full(effect.shape, np.nan)
    for p in range(n_placements):
        for e in range(n_elements):
            family = among.family[e]
            kin = [f for f, s in enumerate(among.stratum) if s == among.stratum[family]]
            own = [effect[c, p] for c in members[family] if c != e]
            groups = [[effect[c, p] for c in members[f] if c != e] for f in kin]
            t[e, p] = t_of(effect[e, p], own, *within(groups))
            if not among.is_control[e] and own:
                std = np.std(own, ddof=1) if len(own) > 1 else np.nan
                with np.errstate(divide="ignore", invalid="ignore"):
                    z = (effect[e, p] - np.mean(own)) / np.float64(std)
                values = len(own), np.mean(own), std, z
                for name, value in zip(CONTROL_COLUMNS, values, strict=False):
                    found[name][e, p] = value
    for e, p in np.argwhere(~among.is_control[:, None] & ~np.isnan(t)):
        null = [
            t[c, i]
            for c in np.flatnonzero(among.is_control & (among.stratum[among.family] == among.stratum[among.family[e]]))
            for i in range(n_placements)
            if not np.isnan(t[c, i])
        ]
        found["control_p"][e, p] = (sum(abs(x) >= abs(t[e, p]) for x in null) + 1) / (len(null) + 1) if null else np.nan
    return found


@st.composite
def screens(draw):
    """Effects, and families of 0 to 5 controls in one to three strata, in any order of rows."""
    n_families, n_strata = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    stratum = np.array(draw(st.lists(st.integers(0, n_strata - 1), min_size=n_families, max_size=n_families)))
    stratum = np.unique(stratum, return_inverse=True)[1]
    rows = [(False, f) for f in range(n_families)]
    for f in range(n_families):
        rows += [(True, f)] * draw(st.integers(0, 5))
    rows += [(False, f) for f in range(n_families) if draw(st.booleans())]  # as strata share their controls
    rows = draw(st.permutations(rows))
    is_control, family = (np.array(column) for column in zip(*rows, strict=True))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    effect = rng.normal(size=(len(rows), draw(st.integers(1, 3)))) * rng.lognormal(size=n_families)[family][:, None]
    return effect, Families(is_control, family.astype(np.int64), stratum.astype(np.int64), 0.2)


@settings(max_examples=60, deadline=None)
@given(screens())
def test_every_column_equals_brute_force(screen):
    effect, among = screen
    p_value = np.random.default_rng(0).uniform(size=effect.shape)
    found = compare(p_value, effect, among)
    expected = brute_force(effect, among)
    own = ~among.is_control
    for name, values in expected.items():
        if name == "n_controls":
            values = np.where(own[:, None], np.nan_to_num(values), np.nan)
        np.testing.assert_allclose(
            pd.Series(found[name]).to_numpy(float, na_value=np.nan), values.ravel(), rtol=1e-9, atol=1e-12, err_msg=name
        )
    q = np.full(effect.shape, np.nan)
    p = expected["control_p"]
    if not np.isnan(p).all():
        q[~np.isnan(p)] = scipy.stats.false_discovery_control(p[~np.isnan(p)])
    np.testing.assert_allclose(found["control_q"], q.ravel(), rtol=1e-9)
    significant = pd.Series(found["significant"])
    assert significant.isna().tolist() == np.isnan(q).ravel().tolist()
    assert significant.fillna(False).tolist() == (q < 0.2).ravel().tolist()
    np.testing.assert_allclose(
        found["q_value"].reshape(effect.shape)[own].ravel(),
        scipy.stats.false_discovery_control(p_value[own].ravel()),
        rtol=1e-12,
    )
    rank = pd.Series(found["rank"]).to_numpy(float, na_value=np.nan).reshape(effect.shape)
    assert np.isnan(rank[~own]).all()
    by_hand = [[(np.abs(effect[own]) > abs(x)).sum() + 1 for x in row] for row in effect[own]]
    assert rank[own].tolist() == by_hand


def test_a_screen_without_controls():
    none = families(pd.DataFrame({"kind": ["motif", "annotation"]}), None)
    found = compare(np.array([[0.01, 0.04], [0.03, 1.0]]), np.array([[-3.0, 1.0], [-1.0, 0.5]]), none)
    np.testing.assert_allclose(found["q_value"], [0.04, 0.16 / 3, 0.16 / 3, 1])
    assert found["rank"].tolist() == [1, 2, 2, 4]
    assert all(pd.isna(found[name]).all() for name in CONTROL_COLUMNS)


def test_controls_that_do_nothing():
    """A model that hears of nothing but one element."""
    among = Families(
        np.array([False, True, True, False, True, True]), np.array([0, 0, 0, 1, 1, 1]), np.zeros(2, int), 0.5
    )
    found = compare(np.ones((6, 1)), np.array([[1.0], [0], [0], [0], [0], [0]]), among)
    np.testing.assert_allclose(found["control_p"][[0, 3]], [1 / 5, 1])
    assert found["control_z"][0] == np.inf


@pytest.mark.parametrize("shuffles", [3, 10])
@pytest.mark.parametrize("tail", [np.inf, 3.0])
def test_p_is_uniform_when_elements_are_like_their_controls(shuffles, tail):
    """Families of different scales and places, also with heavy tails."""
    rng = np.random.default_rng(6)
    n = 4000
    draws = rng.normal(size=(n, shuffles + 1)) if tail == np.inf else rng.standard_t(tail, (n, shuffles + 1))
    effect = rng.normal(size=(n, 1)) * 3 + rng.lognormal(sigma=0.5, size=(n, 1)) * draws
    family = np.repeat(np.arange(n), shuffles + 1)
    is_control = np.tile(np.arange(shuffles + 1) > 0, n)
    among = Families(is_control, family, np.arange(n) % 2, 0.05)
    found = compare(np.ones((effect.size, 1)), effect.reshape(-1, 1), among)
    p = found["control_p"][~is_control]
    assert 0.04 < (p < 0.05).mean() < 0.06
    assert scipy.stats.kstest(p, "uniform").pvalue > 0.001
    assert np.nansum(found["control_q"] < 0.05) <= 2


def merged(config, run, path):
    among = families(run.elements, config["elements"].get("controls"))
    screened = find_parts(run.effects, run.placed, run.targets)
    merge_effects(screened, run.placed, among, readouts_of(config), path / "summary.parquet", {})
    return pd.read_parquet(path / "summary.parquet")


@pytest.mark.parametrize("per", ["element", "stratum"])
def test_however_a_screen_is_cut(tmp_path, per):
    """The columns are those of a brute force on the effects as they are written, and the same bytes from any shards."""
    rng = np.random.default_rng(2)
    motifs = ["".join(rng.choice(list("ACGT"), rng.integers(5, 9))) for _ in range(12)]
    letters = ["".join(rng.choice(list("ACGT"), 12)) for _ in range(6)]
    tables = []
    for i, shards in enumerate([{}, {"backgrounds": 2, "marginals": 100}, {"backgrounds": 5, "marginals": 1}]):
        folder = tmp_path / str(i)
        options = {"placement": {"strands": "both", "start": [0, 3]}, "shards": shards}
        controls = {"shuffles": 4, "per": per, "strata": {"width": 2, "gc": 1}}
        config = screen_of(folder, motifs, letters, controls=controls, **options)
        run = run_screen(config, folder)
        assert (run.plan.n_jobs > 5) == (i > 0)
        tables.append(merged(config, run, folder))
        pd.testing.assert_frame_equal(tables[0], tables[-1], check_exact=True)
    effects = pd.read_parquet(Path(run.effects[0]).parents[2]).astype({"target": str, "element_id": str, "strand": str})
    effects["effect"] = effects["after"].astype(float) - effects["before"].astype(float)
    among = families(run.elements, config["elements"]["controls"])
    assert len(set(among.stratum)) == (2 if per == "stratum" else 1)
    for target, rows in tables[0].groupby("target", observed=True):
        own = effects[effects["target"] == target].groupby(["element_id", "strand", "start"])["effect"].mean()
        effect = own.sort_index().to_numpy().reshape(len(among.is_control), 4)
        for name, values in brute_force(effect, among).items():
            np.testing.assert_allclose(rows[name], values.ravel(), rtol=1e-9, atol=1e-12, err_msg=name)
        assert (rows["rank"].notna() == (rows["kind"] != "control")).all()


@pytest.mark.parametrize("per", ["element", "stratum"])
def test_pairs_are_compared_with_none(tmp_path, per):
    """What is said of motifs is what a screen without pairs says."""
    rng = np.random.default_rng(3)
    motifs = ["".join(rng.choice(list("ACGT"), 5)) for _ in range(6)]
    letters = ["".join(rng.choice(list("ACGT"), 14)) for _ in range(6)]
    pairs = [{"first": "motif_0", "second": f"motif_{i}", "distances": [0, 3]} for i in range(4)]
    columns = ["q_value", "rank", *CONTROL_COLUMNS]
    for controls in (None, {"shuffles": 4, "per": per, "strata": {"width": 1, "gc": 2}}):
        tables = []
        for options in ({}, {"pairs": pairs}):
            folder = tmp_path / f"{len(tables)} {bool(controls)}"
            config = screen_of(folder, motifs, letters, controls=controls, placement={"strands": "both"}, **options)
            tables.append(merged(config, run_screen(config, folder), folder))
        without, whole = tables
        beside = whole["kind"].isin(["pair", "part"])
        assert beside.sum() > 100
        assert whole.loc[beside, columns].isna().all(axis=None)
        assert whole.loc[beside, "p_value"].notna().all()
        rest = whole[~beside].reset_index(drop=True)
        pd.testing.assert_frame_equal(rest, without, rtol=1e-6, check_categorical=False, check_dtype=False)


def test_controls_stand_in_the_shard_of_their_element(tmp_path):
    motifs = ["ACGTAC", "TTGACG", "GGATCC", "CATGGA", "AAGTCT"]
    config = screen_of(tmp_path, motifs, ["ACGTACGTACGT"] * 3, controls={}, shards={"marginals": 20})
    run = run_screen(config, tmp_path)
    assert len(run.plan.jobs["toy"]) > 2
    for path in run.effects:
        ids = pd.read_parquet(path, columns=["element_id"])["element_id"].unique()
        own = {motif for motif in map(identifier, motifs) if motif in ids}
        assert own
        assert {element_id[:8] for element_id in ids} == {element_id[:8] for element_id in own}
    assert resolved(elements={"controls": {}})["elements"]["controls"]["shuffles"] == 10
