"""Readouts of many targets: shards are cut by the rows that they write, what they take is told, or is not kept."""

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from marginalization.config.resolving import resolve
from marginalization.config.sections import Config, Shards
from marginalization.config.targets import target_count
from marginalization.design.plan import make_plan
from marginalization.design.shards import element_ranges, shard_count
from marginalization.errors import InputError
from marginalization.store.files import write_json
from marginalization.store.paths import Results, job_labels
from marginalization.view.disk import BYTES_PER_ROW, BYTES_PER_STATISTIC, LARGE, disk
from screens import MINIMAL, SCHEMA, finish, resolved, run_screen, screen_of, typed
from test_plan import plan_of

MOTIFS = ["".join(letters) for letters in np.array(list("ACGT"))[np.random.default_rng(0).integers(0, 4, (64, 9))]]
BACKGROUNDS = ["ACGTACGTACGT", "TTTTGGGGCCCC", "GATTACAGATTA"]


def names(n):
    return {"r": {"targets": [f"t{i}" for i in range(n)]}}


def planned(folder, n_targets, **shards):
    readouts = names(n_targets) if n_targets else {}
    return plan_of(screen_of(folder, MOTIFS, BACKGROUNDS, readouts=readouts, shards=shards))


def test_a_job_writes_about_as_many_rows_as_allowed(tmp_path):
    """Unless one shard of elements holds more by chance, as ids are spread evenly."""
    plans = [planned(tmp_path, n, marginals=10**6, rows=480) for n in (1, 2, 5, 20)]
    assert [plan.n_targets for plan in plans] == [1, 2, 5, 20]
    assert [shard_count(64 * 3, 480 / n) for n in (1, 2, 5, 20)] == [1, 1, 2, 8]
    for plan, n_shards in zip(plans, (1, 1, 2, 8), strict=True):
        labels = {job_labels(job)[0] for job in plan.jobs["toy"]}
        assert {label[6:] for label in labels} == {f"{n_shards:04d}"}


def test_shards_under_the_bound_keep_their_names(tmp_path):
    """Whatever the bound is, and whether the number of targets is known."""
    plans = [planned(tmp_path, 20, marginals=30, rows=rows) for rows in (600, 601, 10**9)]
    assert len({tuple(plan.jobs["toy"]) for plan in plans}) == 1
    assert set(planned(tmp_path, 20, marginals=30, rows=300).jobs["toy"]) != set(plans[0].jobs["toy"])
    assert planned(tmp_path, 0, marginals=30, rows=1).n_jobs == plans[0].n_jobs


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 400), st.integers(1, 10**4), st.integers(1, 10**4))
def test_shards_are_no_larger_than_asked(n, marginals, rows):
    """If ids are spread evenly, none has more than the smaller bound, or it has one element."""
    at_most = min(marginals, rows)
    n_shards = shard_count(n, at_most)
    ids = [f"{i * 2**64 // n:016x}" for i in range(n)]
    sizes = [len(ids[of]) for of in element_ranges(ids, n_shards).values()]
    assert sum(sizes) == n
    assert max(sizes) <= at_most + 1


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 60), st.integers(3, 12), st.integers(1, 300), st.integers(1, 500))
def test_the_remedy_for_too_many_jobs_works_where_rows_cut(tmp_path_factory, n_targets, max_jobs, marginals, rows):
    folder = tmp_path_factory.mktemp("remedy")
    shards = {"marginals": marginals, "rows": rows, "max_jobs": max_jobs, "backgrounds": 2, "minutes": None}
    plan = planned(folder, n_targets, **shards)
    if warning := plan.warning(typed(Shards, shards)):
        remedy = yaml.safe_load(warning.split("; ")[1].split("set ")[1].replace(" and ", "\n"))
        changed = {key.removeprefix("shards."): value for key, value in remedy.items()}
        assert planned(folder, n_targets, **{**shards, **changed}).n_jobs <= max_jobs
    else:
        assert plan.n_jobs <= max_jobs


TABLE = "index\tidentifier\tdescription\n0\ta\tDNASE:x\n1\tb\tCAGE:x\n2\tc\tDNASE:y\n"


@pytest.mark.parametrize(
    ("readouts", "n"),
    [
        ({}, None),
        ({"r": {"output": 0, "reduce": "sum"}}, None),
        ({"r": {"targets": ["a", "b", "c"]}}, 3),
        ({"r": {"targets": ["a", "b", "c"], "channels": ["c"]}}, 1),
        ({"r": {"channels": [4, 1], "reduce": "mean"}}, 2),
        ({"r": {"channels": [4, 1]}}, None),  # if the output has positions, each of them is a target
        ({"r": {"targets": {"file": "t.txt"}, "reduce": "sum"}}, 3),
        ({"r": {"targets": {"file": "t.txt", "where": {"description": "DNASE:*"}}, "reduce": "sum"}}, 2),
        ({"r": {"targets": {"file": "t.txt"}}, "s": {"targets": ["a", "b"]}}, 5),
        ({"r": {"targets": ["a"]}, "s": {"output": 1}}, None),
        ({"r": {"profile": {"logits": 0, "counts": 1}}}, None),
    ],
)
def test_how_many_targets_the_config_says(tmp_path, monkeypatch, readouts, n):
    monkeypatch.chdir(tmp_path)
    Path("t.txt").write_text(TABLE)
    assert target_count(Config.of(resolved(readouts=readouts))) == n


def test_what_is_told_of_the_disk(tmp_path):
    results = Results(tmp_path / "results")
    models = {name: {"factory": "torch.nn:ReLU"} for name in "ab"}
    all_of_it = Config.of(resolved(models=models, readouts=names(5)))
    assert disk(all_of_it, results, 2 * 30, 3) == (2 * 30 * 5, 2 * 30 * 5 * BYTES_PER_ROW)
    assert disk(all_of_it, results, 2 * 30, 3).warning(all_of_it, results.folder) is None
    summary = Config.of(resolved(models=models, readouts=names(5), keep_effects="summary"))
    assert disk(summary, results, 2 * 30, 3) == (2 * 10 * 5, 2 * 10 * 5 * BYTES_PER_STATISTIC * 19)
    unknown = Config.of(resolved(models=models))
    assert disk(unknown, results, 2 * 30, 3) is None
    for name, targets in (("a", 7), ("b", 4)):
        write_json({"targets": {"r": [str(i) for i in range(targets)]}}, results.probe(name))
        assert (disk(unknown, results, 2 * 30, 3) is None) == (name == "a")
    assert disk(unknown, results, 2 * 30, 3).rows == 30 * 11


def test_a_warning_has_a_remedy(tmp_path, monkeypatch):
    config, folder = Config.of(resolved(readouts=names(5))), tmp_path / "results" / "screen"
    rows = LARGE // (5 * BYTES_PER_ROW) + 1
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**13, 0, 10**13))
    large = disk(config, Results(folder), rows, 3)
    assert large.warning(config, folder) == (
        f"effects/ takes about 100 GB, and {folder} has 10 TB free; `keep_effects: summary` keeps the statistics "
        f"alone, or take fewer tracks by `channels`"
    )
    assert large.warning(config, folder, left=0.9) is None  # the rest is done
    alone = Config.of(resolved(readouts=names(5), keep_effects="summary"))
    assert disk(alone, Results(folder), rows, 100).warning(alone, folder) is None
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**13, 10**13, 1000))
    assert "has 1 kB free" in disk(config, Results(folder), 30, 3).warning(config, folder)


# What is kept.
MODEL = """
import torch


class Wide(torch.nn.Module):
    def __init__(self, n, dtype="float32"):
        super().__init__()
        draw = torch.Generator().manual_seed(n)
        self.weights = torch.nn.Parameter(torch.randn(n, 4, 12, generator=draw, dtype=getattr(torch, dtype)))

    def forward(self, X):
        return torch.einsum("ncl,bcl->bn", self.weights, X.to(self.weights.dtype)).sigmoid()
"""
SCALES = {
    "difference": {},
    "log2_fold_change": {"effect": "log2_fold_change", "pseudocount": 0.1},
    "ratio": {"effect": "ratio"},
    "log_odds": {"effect": "log_odds"},
}


@pytest.mark.parametrize(("dtype", "size"), [("float32", 100), ("float64", 30)])
@pytest.mark.parametrize("n_backgrounds", [1, 60])
def test_the_summary_is_the_same_to_the_bit(tmp_path, dtype, size, n_backgrounds):
    """On all scales, with exact and asymptotic tests, and however effects/ are cut over backgrounds.

    Cut otherwise, a batch of another size can give other float32, but not other float64 once they are rounded.
    """
    (tmp_path / "model.py").write_text(MODEL)
    models = {"wide": {"factory": f"{tmp_path / 'model.py'}:Wide", "kwargs": {"n": 12, "dtype": dtype}}}
    drawn = np.array(list("ACGT"))[np.random.default_rng(1).integers(0, 4, (n_backgrounds, 12))]
    found = []
    for kept, backgrounds in (("all", size), ("summary", 100)):
        config = screen_of(
            tmp_path,
            ["ACG", "TTNT", "CACGTG"],
            ["".join(letters) for letters in drawn],
            controls={"shuffles": 5},
            models=models,
            readouts=SCALES,
            placement={"strands": "both"},
            shards={"backgrounds": backgrounds, "marginals": 20 * n_backgrounds},
            keep_effects=kept,
        )
        run = run_screen(config, tmp_path / kept)
        assert all((f"/{'effects' if kept == 'all' else 'statistics'}/" in path) for path in run.effects)
        found.append(pd.read_parquet(finish(config, run, tmp_path / kept) / "summary.parquet"))
    assert len(found[0]) == 4 * 12 * run.plan.n_elements * 2
    pd.testing.assert_frame_equal(*found, check_exact=True)
    assert sum(pq.ParquetFile(path).metadata.num_rows for path in run.effects) == len(found[0])


@pytest.mark.parametrize(("rows", "told"), [(10, True), (60, False)])
def test_a_job_that_is_too_large_unforeseen_says_so(tmp_path, caplog, rows, told):
    (tmp_path / "model.py").write_text(MODEL)
    models = {"wide": {"factory": f"{tmp_path / 'model.py'}:Wide", "kwargs": {"n": 20}}}
    shards = {"rows": rows, "marginals": 1000}
    config = screen_of(tmp_path, ["ACG", "TT"], BACKGROUNDS, models=models, shards=shards)
    run_screen(config, tmp_path)
    warnings = [record.getMessage() for record in caplog.records if "shards.rows" in record.getMessage()]
    assert (
        warnings
        == [
            "a job of 6 marginals of each of 20 targets, which the config does not say the number of, is larger than "
            "shards.rows (10) would have it: name the targets, or set shards.marginals: 1"
        ]
        * told
    )


@pytest.mark.parametrize(
    ("sections", "told"),
    [
        ({"groups": {"g": ["a", "b"]}}, "there is groups, whose predictions are averaged background by background"),
        ({"compare": [{"first": "a", "second": "b"}]}, "there is compare, which"),
        (
            {"elements": {**MINIMAL["elements"], "pairs": [{"first": "x", "second": "y", "distances": [0]}]}},
            "there is elements.pairs, which",
        ),
        (
            {"backgrounds": {"length": 12, "loci": {"file": "x.bed", "genome": "x.fa", "columns": {"signal": 7}}}},
            "there is backgrounds.loci.columns, which",
        ),
    ],
)
def test_what_needs_effects_of_each_background_is_refused(sections, told):
    config = {**MINIMAL, "models": {name: {"factory": "torch.nn:ReLU"} for name in "ab"}, **sections}
    resolve(json.loads(json.dumps(config)), str(SCHEMA))
    with pytest.raises(InputError, match=told):
        resolve(json.loads(json.dumps({**config, "keep_effects": "summary"})), str(SCHEMA))


def test_all_backgrounds_are_in_one_shard(tmp_path):
    config = screen_of(tmp_path, MOTIFS, BACKGROUNDS, keep_effects="summary", shards={"backgrounds": 2})
    with tempfile.TemporaryDirectory() as cache, pytest.raises(InputError, match=r"set shards\.backgrounds: 3$"):
        make_plan(config, Path(cache))
    config["shards"]["backgrounds"] = 3
    kept = {of: set(plan_of({**config, "keep_effects": of}).jobs["toy"]) for of in ("all", "summary")}
    assert not kept["all"] & kept["summary"]  # their jobs write other files
