"""Effects against those of controls: a brute force in float64, and nulls whose answer is known."""

import math
import statistics
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from marginalization.config.checks import readouts_of
from marginalization.config.sections import Config
from marginalization.merging.parts import find_parts
from marginalization.merging.summary import merge_effects
from marginalization.sequences.letters import identifier
from marginalization.statistics.bulk import bulk_variance
from marginalization.statistics.families import Families, families
from marginalization.statistics.nulls import CONTROL_COLUMNS, PRIOR_DF, compare
from marginalization.statistics.tails import tail_p
from screens import resolved, run_screen, screen_of


def bulk_by_hand(values):
    """The squared spread of the bulk of some values, as docs/statistics.md has it."""
    middle = statistics.median(values)
    return (1.4826 * statistics.median(abs(x - middle) for x in values)) ** 2


def t_of(x, siblings, pooled, pooled_df):
    """How far x is from its siblings, from sums of squares within the stratum."""
    n = len(siblings)
    if n == 0 or pooled_df <= 0:
        return math.nan
    mean = math.fsum(siblings) / n
    if x == pytest.approx(mean, rel=1e-12, abs=0):
        return 0.0
    variance = (PRIOR_DF * pooled / pooled_df + (n - 1) * bulk_by_hand(siblings)) / (PRIOR_DF + n - 1)
    if variance < 1e-24 * x**2:
        return math.copysign(math.inf, x - mean)
    return (x - mean) / math.sqrt(variance * (1 + 1 / n))


def within(groups):
    """Sum of squares within groups, and its degrees of freedom."""
    squares = math.fsum(math.fsum((x - math.fsum(g) / len(g)) ** 2 for x in g) for g in groups if g)
    return squares, sum(max(len(g) - 1, 0) for g in groups)


def p_by_hand(null, x):
    """The p-value of a distance, as docs/statistics.md has it."""
    null = sorted(null, reverse=True)
    n = len(null)
    if n == 0 or math.isnan(x):
        return math.nan
    beyond = sum(t >= x for t in null)
    if beyond or n < 100:
        return (beyond + 1) / (n + 1)
    largest, k = 0.0, 10
    while k <= min(640, n / 10):
        threshold = null[k]
        y = [t - threshold for t in null[:k]]
        exceeded = exceeded_by_hand(y, x - threshold) if 0 < y[0] < math.inf else 1.0
        largest = max(largest, (k + 1) / (n + 1) * exceeded)
        k *= 2
    return max(min(largest, 1 / (n + 1)), 1 / (10 * (n + 1)))


def exceeded_by_hand(y, x):
    """The chance that one more excess is over x, after excesses y."""
    if x == math.inf:
        return 0.0
    k, mean = len(y), math.fsum(y) / len(y)
    weights, chances = [], []
    for j in range(-112, 113):
        b = 2 ** (j / 8) / mean
        total = math.fsum(math.log1p(b * excess) for excess in y)
        weights.append(k * math.log(b) - total - (k - 1) * math.log(total))
        chances.append((1 + math.log1p(b * x) / total) ** (1 - k))
    weights = [math.exp(weight - max(weights)) for weight in weights]
    return math.fsum(w * chance for w, chance in zip(weights, chances, strict=True)) / math.fsum(weights)


def quantile_by_hand(values, q):
    """The linear interpolation between the two nearest of the sorted values."""
    values = sorted(values)
    place = q * (len(values) - 1)
    low = math.floor(place)
    return values[low] + (place - low) * (values[min(low + 1, len(values) - 1)] - values[low])


def q_by_hand(p):
    """Benjamini and Hochberg's, of a list in which some are missing."""
    known = sorted(x for x in p if not math.isnan(x))
    adjusted = {x: min(len(known) * y / (i + 1) for i, y in enumerate(known) if y >= x) for x in known}
    return [min(adjusted.get(x, math.nan), 1.0) if x == x else math.nan for x in p]


def brute_force(effect, among, neutral=0.0):
    """What `compare` says of elements against controls, one by one, each sum by itself."""
    n_elements, n_placements = effect.shape
    members = {f: np.flatnonzero(among.is_control & (among.family == f)) for f in range(len(among.stratum))}
    found = {name: np.full(effect.shape, np.nan) for name in CONTROL_COLUMNS}
    t = found["control_t"]
    for p in range(n_placements):
        for e in range(n_elements):
            family = among.family[e]
            kin = [f for f, s in enumerate(among.stratum) if s == among.stratum[family]]
            own = [effect[c, p] for c in members[family] if c != e]
            groups = [[effect[c, p] for c in members[f] if c != e] for f in kin]
            t[e, p] = t_of(effect[e, p], own, *within(groups))
            if not among.is_control[e]:
                found["n_controls"][e, p] = len(own)
                if own:
                    std = np.std(own, ddof=1) if len(own) > 1 else np.nan
                    with np.errstate(divide="ignore", invalid="ignore"):
                        z = (effect[e, p] - np.mean(own)) / np.float64(std)
                    found["control_mean"][e, p], found["control_std"][e, p], found["control_z"][e, p] = (
                        np.mean(own),
                        std,
                        z,
                    )
    of_controls = {
        s: [c for f in range(len(among.stratum)) if among.stratum[f] == s for c in members[f]] for s in among.stratum
    }
    elements = np.flatnonzero(~among.is_control)
    for e in elements:
        controls = of_controls[among.stratum[among.family[e]]]
        known = [[abs(x) for x in t[c] if not math.isnan(x)] for c in controls]
        largest = [max(of_one) for of_one in known if of_one]
        own = [abs(x) for x in t[e] if not math.isnan(x)]
        found["element_p"][e] = p_by_hand(largest, max(own)) if own else math.nan
        found["n_stratum"][e] = len(largest)
        for p in range(n_placements):
            found["control_p"][e, p] = p_by_hand([x for of_one in known for x in of_one], abs(t[e, p]))
            if controls:
                low, high = (quantile_by_hand(effect[controls, p], q) for q in (0.025, 0.975))
                found["control_low"][e, p], found["control_high"][e, p] = low, high
            if not math.isnan(found["control_p"][e, p]):
                x = effect[e, p]
                floor = among.effect_floor
                found["beyond_floor"][e, p] = not low <= x <= high if floor is None else abs(x - neutral) > floor
    found["control_q"][elements] = np.reshape(
        q_by_hand(found["control_p"][elements].ravel().tolist()), (-1, n_placements)
    )
    q = q_by_hand(found["element_p"][elements, 0].tolist())
    for e, own in zip(elements, q, strict=True):
        found["element_q"][e] = own
        if not math.isnan(own):
            most = max(range(n_placements), key=lambda p: (np.nan_to_num(abs(t[e, p]), nan=-1), -p))
            found["significant"][e] = own < among.level and found["beyond_floor"][e, most]
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
    floor = draw(st.sampled_from([None, 0.0, 1.0]))
    return effect, Families(is_control, family.astype(np.int64), stratum.astype(np.int64), 0.2, floor)


def assert_equal_columns(found, expected):
    for name, values in expected.items():
        column = pd.Series(found[name]).to_numpy(float, na_value=np.nan)
        np.testing.assert_allclose(column, values.ravel(), rtol=1e-9, atol=1e-12, err_msg=name)


@settings(max_examples=60, deadline=None)
@given(screens())
def test_every_column_equals_brute_force(screen):
    effect, among = screen
    p_value = np.random.default_rng(0).uniform(size=effect.shape)
    found = compare(p_value, effect, among)
    own = ~among.is_control
    assert_equal_columns(found, brute_force(effect, among))
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
    np.testing.assert_allclose(found["element_q"][[0, 3]], [2 / 5, 1])
    assert found["control_z"][0] == np.inf
    assert pd.Series(found["significant"]).dropna().to_dict() == {0: True, 3: False}


@pytest.mark.parametrize("n", [99, 100, 450, 7000])
def test_a_distance_past_all_controls(n):
    rng = np.random.default_rng(n)
    null = np.abs(rng.standard_t(5, n))
    x = np.r_[null.max() * np.array([1, 1.01, 1.5, 3, 10]), np.inf, 0.5, np.nan]
    found = tail_p(null, x)
    np.testing.assert_allclose(found, [p_by_hand(null.tolist(), value) for value in x], rtol=1e-9)
    assert found[0] == 2 / (n + 1)  # as far as the last
    assert (np.diff(found[:6]) <= 0).all()
    assert found[5] == pytest.approx(1 / (n + 1) / (10 if n >= 100 else 1))
    assert tail_p(null[::-1], x).tobytes() == found.tobytes()


def test_a_cluster_of_controls_past_the_others():
    """Ten controls that hold a motif: what is among them is no further than one in the number of controls."""
    rng = np.random.default_rng(0)
    null = np.r_[np.abs(rng.normal(size=5000)), rng.uniform(9, 11, 10)]
    np.testing.assert_allclose(tail_p(null, np.array([8.0, 11.0])), [11 / 5011, 1 / 5011], rtol=1e-12)
    alike = np.r_[np.abs(rng.normal(size=5000)), np.full(20, 9.0)]
    np.testing.assert_allclose(tail_p(alike, np.array([12.0])), [1 / 5021], rtol=1e-12)


@pytest.mark.parametrize("shuffles", [5, 20])
@pytest.mark.parametrize("tail", [np.inf, 3.0])
def test_p_is_uniform_when_elements_are_like_their_controls(shuffles, tail):
    """Families of different scales and places, also with heavy tails, on two strands that agree."""
    rng = np.random.default_rng(6)
    n = 4000
    shape = (n, shuffles + 1, 1)
    draws = rng.normal(size=shape) + 0.5 * rng.normal(size=(n, shuffles + 1, 2))
    draws *= 1 if tail == np.inf else np.sqrt(tail / rng.chisquare(tail, shape))
    effect = rng.normal(size=(n, 1, 1)) * 3 + rng.lognormal(sigma=0.5, size=(n, 1, 1)) * draws
    family = np.repeat(np.arange(n), shuffles + 1)
    is_control = np.tile(np.arange(shuffles + 1) > 0, n)
    among = Families(is_control, family, np.arange(n) % 2, 0.05)
    found = compare(np.ones((effect.size // 2, 2)), effect.reshape(-1, 2), among)
    for name in ("control_p", "element_p"):
        p = found[name].reshape(-1, 2)[~is_control, 0]
        assert 0.04 < (p < 0.05).mean() < 0.06
        assert scipy.stats.kstest(p, "uniform").pvalue > 0.001
    assert found["significant"].sum() <= 4


def test_a_shuffle_that_holds_a_motif_does_not_hide_it():
    """The motif's letters make it in one shuffle of twenty; such shuffles of others are no rarer than before."""
    rng = np.random.default_rng(8)
    effect = rng.normal(size=(700, 21))
    effect[:15, 1] += rng.normal(6, 1, 15)
    effect[0, :2] = 14, 12
    family, is_control = np.repeat(np.arange(700), 21), np.tile(np.arange(21) > 0, 700)
    among = Families(is_control, family, np.zeros(700, int), 0.05)
    found = compare(np.ones((effect.size, 1)), effect.reshape(-1, 1), among)
    assert found["control_std"][0] > 2.5
    assert found["control_t"][0] > 10
    assert found["element_p"][0] <= 2 / 14001
    siblings = bulk_variance(effect[:, 1:].ravel(), np.repeat(np.arange(700), 20), 700)[1].reshape(700, 20)
    assert siblings[0].tolist() == pytest.approx([bulk_by_hand(np.delete(effect[0, 1:], i)) for i in range(20)])


def merged(config, run, path):
    among = families(run.elements, config["elements"].get("controls"))
    screened = find_parts(run.effects, run.placed, run.targets)
    merge_effects(screened, run.placed, among, readouts_of(Config.of(config)), path / "summary.parquet", {})
    return pd.read_parquet(path / "summary.parquet")


@pytest.mark.parametrize("per", ["element", "stratum"])
def test_however_a_screen_is_cut(tmp_path, per):
    """The columns are those of a brute force on the effects as they are written, and the same bytes from any shards."""
    rng = np.random.default_rng(2)
    motifs = ["".join(rng.choice(list("ACGT"), rng.integers(5, 9))) for _ in range(12)]
    letters = ["".join(rng.choice(list("ACGT"), 12)) for _ in range(6)]
    tables = []
    for i, shards in enumerate([{}, {"backgrounds": 4, "marginals": 100}]):
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
        assert_equal_columns(rows, brute_force(effect, among))
        assert (rows["rank"].notna() == (rows["kind"] != "control")).all()


@pytest.mark.parametrize("per", [None, "element", "stratum"])
def test_pairs_are_compared_with_none(tmp_path, per):
    """What is said of motifs is what a screen without pairs says."""
    rng = np.random.default_rng(3)
    motifs = ["".join(rng.choice(list("ACGT"), 5)) for _ in range(6)]
    letters = ["".join(rng.choice(list("ACGT"), 14)) for _ in range(6)]
    pairs = [{"first": "motif_0", "second": f"motif_{i}", "distances": [0, 3]} for i in range(4)]
    columns = ["q_value", "rank", *CONTROL_COLUMNS]
    controls = per and {"shuffles": 4, "per": per, "strata": {"width": 1, "gc": 2}}
    tables = []
    for options in ({}, {"pairs": pairs}):
        folder = tmp_path / str(len(tables))
        config = screen_of(folder, motifs, letters, controls=controls, placement={"strands": "both"}, **options)
        tables.append(merged(config, run_screen(config, folder), folder))
    without, whole = tables
    beside = whole["kind"].isin(["pair", "part", "control_pair", "control_part"])
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
    assert resolved(elements={"controls": {}})["elements"]["controls"]["shuffles"] == 20
