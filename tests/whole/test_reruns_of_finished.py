"""What is run again after a change, and what becomes of files of earlier plans and of damaged ones."""

import json
import re
import shutil

import pandas as pd
import pytest
from lab_tables import MEME
from workflows import jobs, run, snakemake

QUIET = ("--dry-run",)
TABLES = ("results/known/summary.parquet", "results/known/provenance.json")
"""Without the report, where nothing is asked of it."""


@pytest.fixture
def finished(finished, tmp_path):
    """A copy of the finished screen, which a test may change."""
    return shutil.copytree(finished, tmp_path / "copy")


def test_a_new_motif_runs_its_own_shard_and_the_merge(finished, config):
    assert "Nothing to be done" in run(finished, config, *QUIET)
    (finished / "motifs.tsv").write_text((finished / "motifs.tsv").read_text() + "new\tTTTTT\t.\n")
    shown = jobs(run(finished, config, *QUIET))
    assert shown == {
        "elements": 1,
        "screen": 2,
        "merge": 1,
        "clusters": 1,
        "scans": 1,
        "provenance": 1,
        "report": 1,
        "all": 1,
    }  # 1 of 2 x 2 background shards
    run(finished, config)
    assert "Nothing to be done" in run(finished, config, *QUIET)
    results = finished / "results" / "known"
    assert "new" in pd.read_parquet(results / "summary.parquet")["name"].tolist()
    assert len(pd.read_parquet(results / "effects")) == 9 * 4 * 2 * 16
    assert len(list((results / "superseded").rglob("*.parquet"))) == 2


def test_a_name_alone_runs_no_shard(finished, config):
    (finished / "motifs.meme").write_text(MEME.replace("M2 same", "M3 same"))
    assert "screen" not in jobs(run(finished, config, *QUIET))


def test_a_table_and_a_readout_changed_at_once_are_both_noticed(finished, config):
    """Snakemake looks for no changes in jobs below one that is run again; names that hold digests do."""
    (finished / "motifs.tsv").write_text((finished / "motifs.tsv").read_text() + "new\tTTTTT\t.\n")
    readouts = {"readouts": {"left": {"output": 0, "targets": ["left", "right"]}}}
    assert jobs(run(finished, config | readouts, *QUIET))["screen"] == 4


def test_a_changed_model_runs_its_shards_and_a_touched_one_does_not(finished, config):
    (finished / "lab.py").touch()
    assert "screen" not in jobs(run(finished, config, *QUIET))
    (finished / "lab.py").write_text((finished / "lab.py").read_text().replace("8.0)", "9.0)"))
    assert jobs(run(finished, config, *QUIET))["screen"] == 4


def test_what_only_merges_depend_on_runs_these_alone(finished, config):
    """Groups and comparisons, of which no shard knows."""
    config["models"]["again"] = {"factory": "lab.py:Letters", "kwargs": {"weights": [1.0, 2.0, 4.0, 9.0]}}
    config |= {"compare": [{"first": "letters", "second": "again"}], "shards": {"marginals": 100000}}
    run(finished, config)
    alone = {"differential": 1, "provenance": 1, "report": 1, "all": 1}
    turned = config | {"compare": [{"first": "again", "second": "letters"}]}
    assert jobs(run(finished, turned, *QUIET)) == alone
    grouped = config | {"groups": {"both": ["letters", "again"]}}
    expected = alone | {"merge": 1, "clusters": 1, "scans": 1}
    assert jobs(run(finished, grouped, *QUIET)) == expected
    run(finished, grouped, *TABLES)
    results = finished / "results" / "known"
    assert "both" in pd.read_parquet(results / "summary.parquet")["model"].astype(str).tolist()
    assert json.loads((results / "provenance.json").read_text())["config"]["groups"] == grouped["groups"]


def test_a_damaged_file_is_named_and_only_it_is_computed_again(finished, config):
    results = finished / "results" / "known"
    before = (results / "summary.parquet").read_bytes()
    first = min((results / "effects").rglob("*.parquet"))
    content = bytearray(first.read_bytes())
    content[len(content) // 4] ^= 255
    first.write_bytes(content)
    done = snakemake(finished, config, *QUIET)
    assert done.returncode != 0
    assert re.search(rf"\S*{first.name} is not what its job wrote.*Delete it and run snakemake again", done.stdout)
    first.unlink()
    assert jobs(run(finished, config))["screen"] == 1
    assert (results / "summary.parquet").read_bytes() == before


def test_rates_that_were_measured_size_the_jobs_which_changes_no_number(finished, config):
    results = finished / "results" / "known"
    before = pd.read_parquet(results / "summary.parquet")
    config["shards"] = {"backgrounds": 100, "marginals": 150, "minutes": 5}
    assert "shards.minutes needs the rate of letters" in run(finished, config, *QUIET)
    run(finished, config, "measure")
    assert jobs(run(finished, config, *TABLES))["screen"] == 1
    assert "Nothing to be done" in run(finished, config, *QUIET, *TABLES)
    assert len(list((results / "effects").rglob("*.parquet"))) == 1
    pd.testing.assert_frame_equal(pd.read_parquet(results / "summary.parquet"), before, check_exact=True)
