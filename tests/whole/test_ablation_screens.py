"""Whole runs with ablations, beside a screen that is finished."""

import json
import shutil

import pandas as pd
import pytest
from brute_force import WEIGHTS
from lab_folder import make_config
from marginalization.store.files import sha256
from workflows import jobs, run, snakemake

SECTION = {"annotations": [{"file": "hits.bed", "genome": "genome.fa"}], "by": "A" * 8, "elsewhere": 4, "within": None}


def with_ablations(**changes):
    config = make_config()
    config["elements"]["ablations"] = {**SECTION, **changes}
    return config


@pytest.fixture(scope="module")
def ablated(finished, tmp_path_factory):
    """A copy of the finished screen with ablations, and what was run for them."""
    folder = shutil.copytree(finished, tmp_path_factory.mktemp("ablations") / "lab")
    hits = [f"chr1\t{100 + 60 * i}\t{106 + 60 * i}\tsite{i % 2}\t0\t+\n" for i in range(20)]
    (folder / "hits.bed").write_text("".join(hits))
    return folder, jobs(run(folder, with_ablations()))


def test_shards_that_are_done_stay(finished, ablated):
    folder, counts = ablated
    assert counts == dict.fromkeys(("instances", "ablate", "ablations", "provenance", "report", "all"), 1)
    assert "Nothing to be done" in run(folder, with_ablations())
    assert "Replaced in their own loci, " in (folder / "results/known/report.html").read_text()
    summaries = [pd.read_parquet(of / "results/known/summary.parquet") for of in (finished, folder)]
    pd.testing.assert_frame_equal(*summaries)


def test_a_change_of_theirs_runs_nothing_else(ablated):
    own = dict.fromkeys(("instances", "ablate", "ablations", "provenance", "report", "all"), 1)
    assert jobs(run(ablated[0], with_ablations(within=30), "--dry-run")) == own


def test_their_files_are_among_the_inputs(ablated):
    folder = ablated[0]
    inputs = json.loads((folder / "results/known/provenance.json").read_text())["inputs"]
    assert inputs["hits.bed"] == sha256(folder / "hits.bed")
    hits = (folder / "hits.bed").read_text()
    (folder / "hits.bed").write_text(hits.removesuffix(hits.splitlines(keepends=True)[-1]))
    assert jobs(run(folder, with_ablations(), "--dry-run"))["provenance"] == 1
    (folder / "hits.bed").write_text(hits)


def test_the_numbers_are_known(ablated):
    """The model adds up the weights of the letters of either half, so each half of what is replaced counts for one."""
    results = ablated[0] / "results/known"
    genome = (ablated[0] / "genome.fa").read_text().split("\n")[1]
    each = pd.read_parquet(results / "ablations.parquet").astype({"target": str})
    for row in each.itertuples():
        replaced = genome[row.start : row.end]
        own = replaced[:4] if row.target == each["target"].min() else replaced[4:]
        expected = sum(WEIGHTS["A"] - WEIGHTS[letter] for letter in own)
        assert row.effect_mean == pytest.approx(expected, abs=1e-4)
    assert len(each) == 40
    over = pd.read_parquet(results / "ablations_summary.parquet")
    assert over["n_instances"].tolist() == [10] * 4


def test_their_verdicts_are_given_again_where_those_of_controls_are_others(ablated):
    """The level and the floor are of the section controls."""
    config = with_ablations()
    config["elements"]["controls"] = {"shuffles": 2, "effect_floor": 0.5}
    shown = jobs(run(ablated[0], config, "--dry-run"))
    assert shown["ablations"] == 1
    assert "ablate" not in shown


def test_without_the_section_what_was_of_it_is_set_aside(ablated, tmp_path):
    folder = shutil.copytree(ablated[0], tmp_path / "lab")
    assert "ablate" not in jobs(run(folder, make_config()))
    results = folder / "results/known"
    left = {path.relative_to(results).parts[0] for path in results.rglob("*.parquet")}
    assert not {"ablations.parquet", "ablations_summary.parquet", "instances.parquet", "ablation_outputs"} & left
    assert len(list((results / "superseded" / "ablation_outputs").rglob("*.parquet"))) > 0


def test_what_does_not_fit_is_told_before_any_job(ablated):
    done = snakemake(ablated[0], with_ablations(elsewhere=50))
    assert done.returncode == 1
    assert "beside it, of the 50 that it is to be compared with" in done.stdout
    assert "Traceback" not in done.stdout
