"""Cooperativity of pairs, against a brute force in float64, and of models whose interactions are known."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import scipy.stats
import torch
from marginalization.config.checks import readouts_of
from marginalization.config.sections import Config, Readout
from marginalization.errors import InputError
from marginalization.merging import cooperativity, parts
from marginalization.merging.cooperativity import merge_pairs
from marginalization.merging.parts import find_parts
from marginalization.statistics.tails import tail_p
from marginalization.store.schemas import COOPERATIVITY, PAIRS_SUMMARY
from screens import expected_activities, run_screen, screen_of, typed
from torch import nn

MODEL = """
import torch


class Fold(torch.nn.Module):
    def __init__(self, seed):
        super().__init__()
        weights = torch.randint(-99, 99, (4, 16), generator=torch.Generator().manual_seed(seed))
        self.weights = torch.nn.Parameter(weights.float())

    def forward(self, X):
        h = X * self.weights
        return h.sum((1, 2)).unsqueeze(1).square(), h.sum(2)[:, :2].relu()
"""
"""Whole numbers, so that no number depends on the batches that a model is run in."""
FOLDS = ["a", "b", "c"]
READOUTS = {"square": {"output": 0, "targets": ["x"]}, "letters": {"output": 1, "targets": ["z", "A"]}}
MOTIFS = ["ACG", "TTTT", "CA", "GGNT"]
PAIRS = [
    {"first": "motif_0", "second": "motif_1", "distances": [0, 4]},
    {"first": "motif_3", "second": "motif_0", "distances": {"from": 1, "to": 7, "step": 3}, "orientations": ["-+"]},
    {"first": "motif_2", "second": "motif_2", "distances": [2], "orientations": ["++", "--"]},
]
PLACEMENT = {"start": {"from": 0, "step": 2}, "strands": "both"}
KEYS = ["model", "readout", "target", "pair_id", "strand", "start"]
letters = np.random.default_rng(5)
LETTERS = ["".join(letters.choice(list("ACGT"), 16)) for _ in range(7)]


def merged(folder, run, groups=None, readouts=READOUTS):
    paths = [folder / f"{name}.parquet" for name in ("cooperativity", "pairs_summary")]
    screened = find_parts(run.effects, run.placed, run.targets, groups)
    merge_pairs(
        screened,
        run.placed,
        run.pairs,
        run.control_pairs,
        0.05,
        typed(dict[str, Readout], readouts),
        paths,
        {"seed": 0},
    )
    for path, schema in zip(paths, (COOPERATIVITY, PAIRS_SUMMARY), strict=True):
        assert pq.read_schema(path).remove_metadata() == schema
    names = ["model", "readout", "target", "strand", "orientation"]
    return pd.read_parquet(paths[0]).astype(dict.fromkeys(names, str))


@pytest.fixture(scope="module", params=[(1000, 10**6, 150), (3, 100, 25)], ids=["one shard", "many"])
def folds(request, tmp_path_factory):
    """Three models, in one or many shards, in row groups smaller than a shard, or than a placement's of all targets."""
    folder = tmp_path_factory.mktemp("folds")
    (folder / "model.py").write_text(MODEL)
    models = {name: {"factory": f"{folder / 'model.py'}:Fold", "kwargs": {"seed": i}} for i, name in enumerate(FOLDS)}
    options = {"shards": dict(zip(("backgrounds", "marginals"), request.param, strict=False)), "pairs": PAIRS}
    config = screen_of(folder, MOTIFS, LETTERS, models=models, readouts=READOUTS, placement=PLACEMENT, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("marginalization.jobs.effects.ROW_GROUP_ROWS", request.param[2])
        patch.setattr(cooperativity, "AT_ONCE", 50)
        patch.setattr(cooperativity, "ROWS", 11)
        run = run_screen(config, folder)
        return folder, run, merged(folder, run, {"all": FOLDS, "two": ["c", "a"]})


def test_every_number_equals_brute_force(folds):
    """From the effects as they are written."""
    _, run, table = folds
    columns = ["model", "readout", "target", "element_id", "strand"]
    effects = pd.read_parquet(Path(run.effects[0]).parents[2]).astype(dict.fromkeys(columns, str))
    members = {name: [name] for name in FOLDS} | {"all": FOLDS, "two": ["a", "c"]}
    keys = ["readout", "target", "element_id", "strand", "start"]
    by_model = {}
    for name, models in members.items():
        rows = effects[effects["model"].isin(models)].astype({"before": float, "after": float})
        sides = rows.groupby([*keys, "background_id"])[["before", "after"]].mean()
        by_model[name] = (sides["after"] - sides["before"]).unstack().to_dict("index")
        by_model[name] = {key: np.array(list(row.values())) for key, row in by_model[name].items()}
    pairs = run.pairs.set_index("pair_id")
    assert (table["n_backgrounds"] == 7).all()
    for row in table.to_dict("records"):
        of = pairs.loc[row["pair_id"]]
        for name in ("first", "second", "distance", "orientation"):
            assert row[name] == of[name]
        pair, first, second = (
            by_model[row["model"]][row["readout"], row["target"], of[which], row["strand"], row["start"]]
            for which in ("element_id", "first_id", "second_id")
        )
        values = pair - first - second
        found = [row[name] for name in ("effect_pair", "effect_first", "effect_second", "cooperativity")]
        expected = [pair.mean(), first.mean(), second.mean(), values.mean()]
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(row["cooperativity_std"], values.std(ddof=1), rtol=1e-9, atol=1e-9)
        interval = scipy.stats.ttest_1samp(values, 0).confidence_interval()
        found = [row["cooperativity_ci_low"], row["cooperativity_ci_high"]]
        np.testing.assert_allclose(found, interval, rtol=1e-9, atol=1e-9)
        plain = 0 not in values and len(set(np.abs(values))) == len(values)
        p = scipy.stats.wilcoxon(values, method="exact" if plain else "asymptotic").pvalue if values.any() else 1
        np.testing.assert_allclose(row["p_value"], p, rtol=1e-9)


def test_rows_are_sorted_and_q_values_of_a_target(folds):
    _, run, table = folds
    keys = list(table[KEYS].itertuples(index=False, name=None))
    assert keys == sorted(set(keys))
    assert run.placed["start"].unique().tolist() == [0, 2]
    assert len(keys) == 5 * 3 * (8 + 3 + 2) * 2 * 2
    for _, rows in table.groupby(KEYS[:3]):
        np.testing.assert_allclose(rows["q_value"], scipy.stats.false_discovery_control(rows["p_value"]), rtol=1e-12)


def test_shards_and_row_groups_change_no_number(folds, tmp_path):
    """Against one shard, and one row group."""
    folder, _, table = folds
    models = {name: {"factory": f"{folder / 'model.py'}:Fold", "kwargs": {"seed": i}} for i, name in enumerate(FOLDS)}
    config = screen_of(tmp_path, MOTIFS, LETTERS, models=models, readouts=READOUTS, placement=PLACEMENT, pairs=PAIRS)
    again = merged(tmp_path, run_screen(config, tmp_path), {"all": FOLDS, "two": ["c", "a"]})
    pd.testing.assert_frame_equal(table, again, check_exact=True)


def test_effects_that_add_up_have_none(tmp_path):
    """The toy's activities are sums over letters and positions, whole numbers: cooperativity is zero, exactly."""
    readouts = {"activity": {"output": 2, "targets": ["a", "b", "c"]}}
    config = screen_of(tmp_path, MOTIFS, LETTERS, readouts=readouts, placement=PLACEMENT, pairs=PAIRS)
    run = run_screen(config, tmp_path)
    table = merged(tmp_path, run, readouts=readouts)
    zeros = ["cooperativity", "cooperativity_std", "cooperativity_ci_low", "cooperativity_ci_high"]
    assert (table[zeros] == 0).all(axis=None)
    assert (table[["p_value", "q_value"]] == 1).all(axis=None)
    assert (table["effect_pair"] != 0).mean() > 0.9
    # and its parts by hand: the first motif of a pair, alone where it stands in it
    row = table[(table["pair_id"] == 5) & (table["strand"] == "+") & (table["start"] == 2)].iloc[0]
    assert (row["first"], row["second"], row["distance"], row["orientation"]) == ("motif_0", "motif_1", 4, "+-")
    alone = [sequence[:2] + "ACG" + sequence[5:] for sequence in LETTERS]
    effect = np.mean([expected_activities(x) - expected_activities(y) for x, y in zip(alone, LETTERS, strict=True)], 0)
    assert row["effect_first"] == pytest.approx(effect["abc".index(row["target"])])


class Product(nn.Module):
    """The number of A in the left half times that of T in the right one."""

    def forward(self, X):
        half = X.shape[-1] // 2
        return X[:, 0, :half].sum(dim=1, keepdim=True) * X[:, 3, half:].sum(dim=1, keepdim=True)


def test_a_known_interaction(tmp_path):
    """In backgrounds of a A on the left and t T on the right, x and y more make x t, a y and x t + a y + x y."""
    models = {"product": {"factory": "test_cooperativity:Product"}}
    pairs = [{"first": "motif_0", "second": "motif_1", "distances": [0, 2], "orientations": ["++"]}]
    backgrounds = ["CCACCCCCTTCC", "CACCCCCCCCCT", "ACCCCCTCTCCT"]
    config = screen_of(tmp_path, ["AA", "TTT"], backgrounds, models=models, pairs=pairs, placement={"strands": "both"})
    run = run_screen(config, tmp_path)
    table = merged(tmp_path, run, readouts=readouts_of(Config.of(config))).set_index(["distance", "strand"])
    # 12 // 2 - 7 // 2 = 3, so AA at 3 and 4, TTT from 7 on; or from 4 on AA, and TTT at 6
    assert table.loc[(2, "+"), "start"] == 3
    assert table.loc[(0, "+"), "start"] == 4
    # what is added: two A, and of three T those that the background does not have
    added = {2: [3 - 2, 3, 3 - 1], 0: [3 - 1, 3, 3 - 2]}
    for distance, more in added.items():
        row = table.loc[(distance, "+")]
        assert row["cooperativity"] == pytest.approx(np.mean([2 * y for y in more]))
        assert row["effect_first"] == pytest.approx(2 * np.mean([2, 1, 3]))
        assert row["effect_second"] == pytest.approx(np.mean(more))
        assert row["effect_pair"] == pytest.approx(row["effect_first"] + row["effect_second"] + row["cooperativity"])
    # The reverse complement, AAANNTT, has the second motif on the left: x is 3, y what two T add at 8 and 9.
    row = table.loc[(2, "-")]
    assert row["effect_second"] == pytest.approx(3 * np.mean([2, 1, 3]))
    assert row["effect_first"] == pytest.approx(np.mean([0, 2, 1]))
    assert row["cooperativity"] == pytest.approx(3 * np.mean([0, 2, 1]))


def test_a_single_background_has_no_spread(tmp_path):
    config = screen_of(tmp_path, MOTIFS, LETTERS[:1], pairs=PAIRS, readouts={"a": {"output": 2}})
    table = merged(tmp_path, run_screen(config, tmp_path), readouts=config["readouts"])
    missing = ["cooperativity_std", "cooperativity_ci_low", "cooperativity_ci_high"]
    assert table[missing].isna().all(axis=None)
    assert table["cooperativity"].notna().all()


def test_only_row_groups_with_pairs_are_read(tmp_path, monkeypatch):
    motifs = [*MOTIFS, *("".join(letters.choice(list("ACGT"), 6)) for _ in range(200))]
    pair = {"first": "motif_0", "second": "motif_1", "distances": [1], "orientations": ["++"]}
    monkeypatch.setattr("marginalization.jobs.effects.ROW_GROUP_ROWS", 21)
    run = run_screen(screen_of(tmp_path, motifs, LETTERS, pairs=[pair], readouts={"a": {"output": 2}}), tmp_path)
    read = []
    column = parts.read_column
    monkeypatch.setattr(parts, "read_column", lambda *args: read.append(args[2]) or column(*args))
    merged(tmp_path, run, readouts={"a": {}})
    assert pq.ParquetFile(run.effects[0]).num_row_groups > 200
    assert len(set(read)) == 3


def test_a_damaged_file_is_told(folds, tmp_path):
    _, run, _ = folds
    broken = tmp_path / Path(*Path(run.effects[0]).parts[-3:])
    broken.parent.mkdir(parents=True)
    broken.write_bytes(Path(run.effects[0]).read_bytes()[:-100])
    parts = find_parts([str(broken), *run.effects[1:]], run.placed, run.targets)
    paths = [tmp_path / f"{name}.parquet" for name in ("cooperativity", "pairs_summary")]
    with pytest.raises(InputError, match="is damaged or not of this screen"):
        merge_pairs(
            parts, run.placed, run.pairs, run.control_pairs, None, typed(dict[str, Readout], READOUTS), paths, {}
        )
    assert not (tmp_path / "cooperativity.parquet").exists()


@pytest.mark.parametrize("scale", ["ratio", "log2_fold_change"])
def test_effects_are_on_the_scale_of_the_readout(tmp_path, scale):
    """Counts that a motif multiplies: ratios multiply, and their logarithms add up, but for what was there before."""
    readouts = {"letters": {"output": 1, "targets": ["z", "A"], "effect": scale, "pseudocount": 1e4}}
    (tmp_path / "model.py").write_text(MODEL)
    models = {"a": {"factory": f"{tmp_path / 'model.py'}:Fold", "kwargs": {"seed": 1}}}
    run = run_screen(screen_of(tmp_path, MOTIFS, LETTERS, models=models, readouts=readouts, pairs=PAIRS), tmp_path)
    table = merged(tmp_path, run, readouts=readouts)
    columns = ["element_id", "target"]
    effects = pd.read_parquet(Path(run.effects[0]).parents[2]).astype(dict.fromkeys(columns, str))
    ratios = (effects["after"].astype(float) + 1e4) / (effects["before"].astype(float) + 1e4)
    effects["on_scale"] = ratios if scale == "ratio" else np.log2(ratios)
    by_element = effects.groupby(columns)["on_scale"].apply(np.array)
    pairs = run.pairs.set_index("pair_id")
    for row in table.to_dict("records"):
        ids = pairs.loc[row["pair_id"], ["element_id", "first_id", "second_id"]]
        pair, first, second = (by_element[element_id, row["target"]] for element_id in ids)
        values = pair / (first * second) if scale == "ratio" else pair - first - second
        np.testing.assert_allclose(row["effect_pair"], pair.mean(), rtol=1e-9)
        np.testing.assert_allclose(row["cooperativity"], values.mean(), rtol=1e-9, atol=1e-12)
        away = values - 1 if scale == "ratio" else values
        method = "exact" if 0 not in away and len(set(np.abs(away))) == len(away) else "asymptotic"
        p = scipy.stats.wilcoxon(away, method=method).pvalue if away.any() else 1
        np.testing.assert_allclose(row["p_value"], p, rtol=1e-9)


CONTROLS = {"shuffles": 4, "pairs": 4}
OF_CONTROLS = ["ACGT", "TTGCA", "CAGGA"]
ARRANGED = {"distances": [0, 3], "orientations": ["++", "-+"]}
JUDGED = [
    {"first": "motif_0", "second": "motif_1", **ARRANGED},
    {"first": "motif_2", "second": "motif_0", **ARRANGED},
    {"first": "motif_2", "second": "motif_1", "distances": [1]},
]


def moderated(x, own, squares, df):
    """The t of docs/statistics.md, step 1, of x against the effects of controls."""
    m, n = own.mean(), len(own)
    spread = 1.4826 * np.median(np.abs(own - np.median(own)))
    v = (10 * squares / df + (n - 1) * spread**2) / (10 + n - 1)
    return (x - m) / np.sqrt(v * (1 + 1 / n))


def by_steps(values, members, family, places):
    """t (members, places) against one family of controls of each two motifs, each control without itself."""
    t = np.empty((len(members), len(places)))
    for j, place in enumerate(places):
        x = np.array([values[member][place] for member in members])
        of = {two: [i for i, member in enumerate(members) if member[:2] == (two, family)] for two, *_ in members}
        for i, (two, *_) in enumerate(members):
            left = {pair: [k for k in own if k != i] for pair, own in of.items()}
            squares = sum(((x[own] - x[own].mean()) ** 2).sum() for own in left.values())
            t[i, j] = moderated(x[i], x[left[two]], squares, sum(len(own) - 1 for own in left.values()))
    return t


@pytest.mark.parametrize("shards", [(1000, 10**6), (3, 60)], ids=["one job", "many"])
def test_verdicts_are_those_of_the_steps_in_the_docs(tmp_path, shards):
    """From the effects as they are written, for two motifs after another, in any number and order of shards."""
    (tmp_path / "model.py").write_text(MODEL)
    models = {"a": {"factory": f"{tmp_path / 'model.py'}:Fold", "kwargs": {"seed": 1}}}
    options = {"placement": {"start": [0, 2], "strands": "both"}, "models": models, "readouts": READOUTS}
    options |= {"pairs": JUDGED, "controls": CONTROLS}
    options["shards"] = dict(zip(("backgrounds", "marginals"), shards, strict=True))
    run = run_screen(screen_of(tmp_path, OF_CONTROLS, LETTERS, **options), tmp_path)
    table = merged(tmp_path, run)
    summary = pd.read_parquet(tmp_path / "pairs_summary.parquet")
    pd.testing.assert_frame_equal(table, merged(tmp_path, run._replace(effects=run.effects[::-1])))

    effects = pd.read_parquet(Path(run.effects[0]).parents[2])
    effects = effects.astype({name: str for name in effects if effects[name].dtype == "category"})
    own = effects[effects["target"].eq("x")].astype({"before": float, "after": float})
    own["effect"] = own["after"] - own["before"]
    mean = own.groupby(["element_id", "strand", "start"])["effect"].mean()
    found = table[table["target"].eq("x")].set_index(["pair_id", "strand", "start"])
    told = summary[summary["target"].eq("x")].set_index(["first", "second"])

    motifs = run.pairs.set_index("pair_id")
    values = {}
    for _, row in pd.concat([run.pairs, run.control_pairs]).iterrows():
        of = motifs.loc[row["pair_id"]]
        two = of["first"], of["second"]
        member = (two, row["shuffled"], row["shuffle"]) if isinstance(row["shuffled"], str) else (two, None, 0)
        for strand in "+-":
            for start in (0, 2):
                pair, *parts = (mean[row[name], strand, start] for name in ("element_id", "first_id", "second_id"))
                place = of["distance"], of["orientation"], strand, start
                values.setdefault(member, {})[place] = pair - sum(parts)
    pair_p = {}
    for twos in ([("motif_0", "motif_1"), ("motif_2", "motif_0")], [("motif_2", "motif_1")]):
        members = [member for member in values if member[0] in twos]
        assert len(members) == len(twos) * (1 + 2 * 4)
        places = list(values[members[0]])
        both = np.stack([by_steps(values, members, family, places) for family in ("first", "second")])
        t = np.where(np.abs(both[0]) <= np.abs(both[1]), *both)
        pools = [[i for i, (_, which, _) in enumerate(members) if which == name] for name in ("first", "second")]
        far = np.abs(t)
        for i, (two, which, _) in enumerate(members):
            if which is None:
                ids = {
                    (row.distance, row.orientation): row.pair_id for row in run.pairs.itertuples() if two == row[2:4]
                }
                for j, (distance, orientation, strand, start) in enumerate(places):
                    row = found.loc[ids[distance, orientation], strand, start]
                    p = max(tail_p(far[pool].ravel(), far[i, j]) for pool in pools)
                    assert row["n_controls"] == 8
                    np.testing.assert_allclose([row["control_t"], row["control_p"]], [t[i, j], p], rtol=1e-9, atol=1e-9)
                p = max((1 + (far[pool].max(axis=1) >= far[i].max()).sum()) / (1 + len(pool)) for pool in pools)
                pair_p[two] = p
    np.testing.assert_allclose(told["pair_p"], [pair_p[two] for two in told.index], rtol=1e-9)
    np.testing.assert_allclose(told["pair_q"], scipy.stats.false_discovery_control(told["pair_p"]), rtol=1e-12)
    np.testing.assert_allclose(found["control_q"], scipy.stats.false_discovery_control(found["control_p"]), rtol=1e-12)
    assert told["n_arrangements"].tolist() == [4, 4, 4]
    for two, row in told.iterrows():
        rows = found[found["first"].eq(two[0]) & found["second"].eq(two[1])]
        best = rows.loc[rows["cooperativity"].abs().idxmax()]
        for name in ("distance", "orientation", "cooperativity", "cooperativity_ci_low", "cooperativity_ci_high"):
            assert row[name] == best[name]


def test_screens_without_controls_have_no_verdict(folds):
    folder, run, table = folds
    summary = pd.read_parquet(folder / "pairs_summary.parquet")
    assert run.control_pairs.empty
    assert table[["n_controls", "control_t", "control_p", "control_q"]].isna().all(axis=None)
    assert summary[["pair_p", "pair_q", "significant"]].isna().all(axis=None)
    assert len(summary) == 5 * 3 * 3


class Spaced(nn.Module):
    """The motifs TGACCA and GGATAG each act by one, and by ten more at up to a distance from each other."""

    def __init__(self, most):
        super().__init__()
        self.most = most

    def forward(self, X):
        at = []
        for motif in ("TGACCA", "GGATAG"):
            kernel = torch.stack([X.new_tensor([float(letter == base) for base in motif]) for letter in "ACGT"])
            at.append((nn.functional.conv1d(X, kernel[None])[:, 0] == len(motif)).to(X.dtype))
        first, second = at
        gaps = range(6, 7 + self.most)
        both = sum((first[:, : first.shape[1] - gap] * second[:, gap:]).amax(dim=1) for gap in gaps)
        return (first.amax(dim=1) + second.amax(dim=1) + 10 * both)[:, None]


@pytest.mark.parametrize(("most", "spacing"), [(4, "hard"), (14, "soft")])
def test_motifs_that_interact_are_found_and_others_are_not(tmp_path, most, spacing):
    """Of pairs of motifs whose effects add up, just the one that is in the model."""
    models = {"spaced": {"factory": "test_cooperativity:Spaced", "kwargs": {"most": most}}}
    rng = np.random.default_rng(3)
    backgrounds = ["".join(rng.choice(list("AC"), 60)) for _ in range(3)]
    motifs = ["TGACCA", "GGATAG", "TTACGC"]
    alike = {"distances": {"from": 0, "to": 20, "step": 4}, "orientations": ["++"]}
    twos = [(0, 1), (1, 0), (0, 2), (2, 1)]
    pairs = [{"first": f"motif_{i}", "second": f"motif_{j}", **alike} for i, j in twos]
    options = {"models": models, "pairs": pairs, "controls": {"shuffles": 2, "pairs": 24}}
    config = screen_of(tmp_path, motifs, backgrounds, **options)
    merged(tmp_path, run_screen(config, tmp_path), readouts=readouts_of(Config.of(config)))
    summary = pd.read_parquet(tmp_path / "pairs_summary.parquet").set_index(["first", "second"])
    found = summary[summary["significant"]]
    assert found.index.tolist() == [("motif_0", "motif_1")]
    assert found["cooperativity"].item() == pytest.approx(10)
    assert found["spacing"].item() == spacing
