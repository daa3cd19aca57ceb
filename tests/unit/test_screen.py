"""Shards of a screen, and their merge, against a brute force over strings in float64."""

import random
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
import scipy.stats
from marginalization.config.sections import Config, Readout
from marginalization.config.sections.substitutions import Placement
from marginalization.design.placement import place
from marginalization.merging.means import merge_profiles
from marginalization.merging.parts import find_parts
from marginalization.merging.summary import merge_effects
from marginalization.statistics.families import families
from marginalization.store import files
from marginalization.store.files import read_facts
from marginalization.store.schemas import EFFECTS, PROFILES, STATISTICS, SUMMARY
from screens import expected_activities, expected_counts, run_screen, screen_of, substituted, typed

draw = random.Random(0)
MOTIFS = ["A", "TGACTCA", "CNNG", "GGGCGG", "TTTT", *("".join(draw.choices("ACGT", k=5)) for _ in range(9))]
LETTERS = ["".join(draw.choices("ACGTN", [5, 5, 5, 5, 1], k=12)) for _ in range(7)]
READOUTS = {
    "activity": {"output": 2, "targets": ["zeta", "Alpha", "mid"]},
    "counts": {"profile": {"logits": 0, "counts": 1}, "positions": [3, 9], "targets": ["t9", "t10"]},
}
"""The names of both sort otherwise than they stand: capitals before small letters, t10 before t9."""
PLACEMENT = {"start": [4, 0], "strands": "both"}
COLUMNS = {"activity": expected_activities, "counts": lambda s: expected_counts(s)[:, 3:9].sum(axis=1)}


def brute_force(config, run):
    """Rows of effects by (readout, target, element, strand, start): arrays of before and after, in float64."""
    elements = run.placed.drop_duplicates("element_id")
    for placed in place(elements, Config.of(config).placement, 12):
        for readout, values in COLUMNS.items():
            before = np.array([values(s) for s in run.backgrounds["sequence"]])
            after = np.array(
                [values(substituted(s, placed.sequence, placed.start)) for s in run.backgrounds["sequence"]]
            )
            for i, target in enumerate(READOUTS[readout]["targets"]):
                yield (readout, target, placed.element_id, placed.strand, placed.start), before[:, i], after[:, i]


@pytest.fixture(scope="module", params=[(1000, 10**6, 70), (2, 30, 5)], ids=["one job", "many"])
def screened(request, tmp_path_factory):
    """A screen in one or many jobs, in row groups smaller than a shard, or than a placement; its merged tables."""
    backgrounds, marginals, rows = request.param
    folder = tmp_path_factory.mktemp("screen")
    shards = {"backgrounds": backgrounds, "marginals": marginals}
    options = {"placement": PLACEMENT, "readouts": READOUTS, "shards": shards, "compute": {"batch_size": 5}}
    config = screen_of(folder, MOTIFS, LETTERS, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("marginalization.jobs.effects.ROW_GROUP_ROWS", rows)
        patch.setattr("marginalization.merging.summary.ROWS", 9)
        patch.setattr(files, "ROW_GROUP_ROWS", 4)
        run = run_screen(config, folder)
        parts = [find_parts(paths, run.placed, run.targets) for paths in (run.effects[::-1], run.profiles)]
        among = families(run.elements, None)
        merge_effects(
            parts[0], run.placed, among, typed(dict[str, Readout], READOUTS), folder / "summary.parquet", {"seed": 0}
        )
        merge_profiles(parts[1], run.placed, 12, folder / "profiles.parquet", {"seed": 0})
    return config, run, folder


def test_shards_are_cut_as_asked(screened):
    config, run, _ = screened
    n_background_shards = -(-7 // config["shards"]["backgrounds"])
    element_shards = {job.split("-")[0] for job in run.plan.jobs["toy"]}
    assert run.plan.n_jobs == len(element_shards) * n_background_shards == len(run.effects) / 2 == len(run.profiles)
    assert (len(element_shards) > 1) == (config["shards"]["marginals"] < 1000)
    groups = [pq.ParquetFile(path).num_row_groups for path in run.effects]
    assert max(groups) > 1


def test_effects_equal_brute_force(screened):
    config, run, folder = screened
    dataset = pyarrow.dataset.dataset(folder / "results" / "effects", partitioning="hive")
    table = dataset.to_table().to_pandas()
    assert set(table.columns) == {*EFFECTS.names, "model", "readout"}
    keys = ["readout", "target", "element_id", "strand", "start"]
    found = dict(list(table.astype({key: "str" for key in keys if key != "start"}).groupby(keys)))
    count = 0
    for key, before, after in brute_force(config, run):
        rows = found[key].sort_values("background_id")
        assert rows["background_id"].tolist() == list(range(7))
        np.testing.assert_allclose(rows["before"], before, rtol=1e-5)
        np.testing.assert_allclose(rows["after"], after, rtol=1e-5)
        np.testing.assert_allclose(rows["effect"], after - before, rtol=1e-5, atol=1e-4)
        if key[0] == "activity":  # integers, so exact
            assert rows["effect"].tolist() == (after - before).tolist()
        count += 1
    assert count == len(found) == 14 * 4 * 5
    assert len(table) == count * 7


def test_rows_of_shards_are_sorted(screened):
    _, run, _ = screened
    for path in run.effects:
        assert pq.read_schema(path).remove_metadata() == EFFECTS
        table = pq.ParquetFile(path).read().to_pandas()
        keys = list(
            table[["element_id", "strand", "start", "target", "background_id"]].itertuples(index=False, name=None)
        )
        assert keys == sorted(keys)
        assert len(set(keys)) == len(keys) == read_facts(path)["rows"]


def test_the_summary_equals_brute_force(screened):
    config, run, folder = screened
    assert pq.read_schema(folder / "summary.parquet").remove_metadata() == SUMMARY
    summary = pd.read_parquet(folder / "summary.parquet")
    expected = sorted(brute_force(config, run), key=lambda row: row[0])
    keys = summary[["readout", "target", "element_id", "strand", "start"]].itertuples(index=False, name=None)
    assert list(keys) == [key for key, _, _ in expected]
    assert set(summary["model"]) == {"toy"}
    assert set(summary["n_backgrounds"]) == {7}
    elements = run.placed.drop_duplicates("element_id").set_index("element_id")
    for column in ("name", "kind", "sequence"):
        assert summary[column].tolist() == elements.loc[summary["element_id"], column].tolist()
    for row, (key, before, after) in zip(summary.to_dict("records"), expected, strict=True):
        effect = after - before
        by_hand = {
            "before_mean": before.mean(),
            "after_mean": after.mean(),
            "effect_mean": effect.mean(),
            "effect_std": effect.std(ddof=1),
            "effect_sem": effect.std(ddof=1) / np.sqrt(7),
            **{f"effect_q{q:02d}": np.quantile(effect, q / 100) for q in (5, 25, 75, 95)},
            "effect_median": np.median(effect),
            "effect_min": effect.min(),
            "effect_max": effect.max(),
        }
        close = {"rtol": 1e-12, "atol": 1e-12} if key[0] == "activity" else {"rtol": 1e-5, "atol": 1e-4}
        for name, value in by_hand.items():
            np.testing.assert_allclose(row[name], value, **close, err_msg=f"{key} {name}")
        if key[0] == "activity":
            assert row["fraction_positive"] == (effect > 0).mean()
    tested = {"effect_ci_low", "effect_ci_high", "effect_size", "p_value", "models_std", "n_models_agree"}
    assert {*by_hand, *tested, "fraction_positive"} == set(STATISTICS)


def test_tests_equal_scipy_on_the_effects(screened):
    """From float32 values as they are written, in however many shards."""
    _, run, folder = screened
    keys = ["model", "readout", "target", "element_id", "strand", "start"]
    effects = pd.read_parquet(Path(run.effects[0]).parents[2]).astype(
        dict.fromkeys([*keys[:3], "strand", "element_id"], str)
    )
    effect = (effects["after"].astype("f8") - effects["before"].astype("f8")).groupby([effects[key] for key in keys])
    summary = pd.read_parquet(folder / "summary.parquet")
    for row in summary.to_dict("records"):
        values = effect.get_group(tuple(row[key] for key in keys)).to_numpy()
        interval = scipy.stats.ttest_1samp(values, 0).confidence_interval()
        if values.std() > 0:
            found = [row["effect_ci_low"], row["effect_ci_high"], row["effect_size"]]
            np.testing.assert_allclose(found, [*interval, values.mean() / values.std(ddof=1)], rtol=1e-9)
        plain = 0 not in values and len(set(np.abs(values))) == len(values)
        method = "exact" if plain else "asymptotic"
        p = scipy.stats.wilcoxon(values, method=method).pvalue if values.any() else 1
        np.testing.assert_allclose(row["p_value"], p, rtol=1e-9)
    for _, rows in summary.groupby(keys[:3], observed=True):
        np.testing.assert_allclose(rows["q_value"], scipy.stats.false_discovery_control(rows["p_value"]), rtol=1e-12)
        assert rows["rank"].tolist() == rows["effect_mean"].abs().rank(method="min", ascending=False).tolist()


def test_mean_profiles_equal_brute_force(screened):
    _, run, folder = screened
    assert pq.read_schema(folder / "profiles.parquet").remove_metadata() == PROFILES
    profiles = pd.read_parquet(folder / "profiles.parquet")
    keys = list(profiles[["target", "element_id", "strand", "start"]].itertuples(index=False, name=None))
    assert keys == sorted(keys)
    assert len(keys) == len(set(keys)) == 2 * 14 * 4
    letters = run.backgrounds["sequence"]
    before = np.mean([expected_counts(s) for s in letters], axis=0)
    placed = {
        (p.element_id, p.strand, p.start): p.sequence
        for p in place(run.placed.iloc[::4], typed(Placement, PLACEMENT), 12)
    }
    for (target, *key), row in zip(keys, profiles.to_dict("records"), strict=True):
        strand = READOUTS["counts"]["targets"].index(target)
        after = np.mean([expected_counts(substituted(s, placed[tuple(key)], key[2])) for s in letters], axis=0)
        np.testing.assert_allclose(row["before"], before[strand], rtol=1e-5)
        np.testing.assert_allclose(row["after"], after[strand], rtol=1e-5)


def test_the_same_screen_gives_the_same_bytes(screened, tmp_path):
    config, run, _ = screened
    if run.plan.n_jobs < 5:
        first, second = (run_screen(config, tmp_path / name) for name in ("first", "second"))
        assert first.plan == second.plan == run.plan
        for ours, theirs in zip(first.effects + first.profiles, second.effects + second.profiles, strict=True):
            assert Path(ours).read_bytes() == Path(theirs).read_bytes()


def test_a_scan_equals_screens_of_single_starts(tmp_path):
    """A range of starts, up to where the widest element fits, in several shards."""
    options = {"readouts": READOUTS, "shards": {"marginals": 100}}
    scan = {"start": {"from": 1, "step": 2}, "strands": "both"}
    tables = []
    for name, start in {"scan": scan["start"], **{str(start): start for start in (1, 3, 5)}}.items():
        folder = tmp_path / name
        run = run_screen(screen_of(folder, MOTIFS, LETTERS, placement={**scan, "start": start}, **options), folder)
        parts = find_parts(run.effects, run.placed, run.targets)
        among = families(run.elements, None)
        merge_effects(parts, run.placed, among, typed(dict[str, Readout], READOUTS), folder / "summary.parquet", {})
        tables.append(pd.read_parquet(folder / "summary.parquet").drop(columns=["q_value", "rank"]))
    keys = ["model", "readout", "target", "element_id", "strand", "start"]
    whole, *single = tables
    singles = pd.concat(single).sort_values(keys, ignore_index=True)
    assert sorted(whole["start"].unique()) == [1, 3, 5]
    pd.testing.assert_frame_equal(whole, singles, rtol=1e-6, check_categorical=False)


def test_unknown_letters_at_the_ends_change_no_number(tmp_path):
    """Of elements that are the same but for these."""
    letters = [sequence.replace("N", "A") for sequence in LETTERS]
    plain, flanked = ["ACGT", "GGNT"], ["NNACGTN", "NNGGNTN"]
    effects = {}
    for motifs, start in ((plain, 4), (flanked, 2)):
        folder = tmp_path / str(start)
        options = {"placement": {"start": start}, "readouts": READOUTS}
        run = run_screen(screen_of(folder, motifs, letters, **options), folder)
        table = pd.concat([pq.ParquetFile(path).read().to_pandas() for path in run.effects])
        assert table["start"].unique().tolist() == [start]
        sequences = run.elements.set_index("element_id")["sequence"]
        effects |= dict(list(table.groupby(sequences.loc[table["element_id"]].to_numpy())))
    for short, long in zip(plain, flanked, strict=True):
        for name in ("before", "after", "effect"):
            assert effects[short][name].tolist() == effects[long][name].tolist()
