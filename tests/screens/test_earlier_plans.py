"""What becomes of files of earlier plans, and of damaged ones."""

import re
import shutil

import pandas as pd
import pytest
from workflows import jobs, run, snakemake

QUIET = ("--dry-run",)


@pytest.fixture
def finished(finished, tmp_path):
    """A copy of the finished screen, which a test may change."""
    return shutil.copytree(finished, tmp_path / "copy")


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


def test_profiles_of_an_earlier_plan_do_not_stay(lab, config):
    config["models"] = {"heads": {"factory": "lab.py:TwoHeads"}}
    config["elements"] = {"motifs": [{"file": "motifs.tsv"}]}
    config["shards"] = {}
    run(lab, config | {"readouts": {"counts": {"profile": {"logits": 0, "counts": 1}}}})
    results = lab / "results" / "known"
    assert (results / "profiles.parquet").exists()
    run(lab, config | {"readouts": {"log_counts": {"output": 1}}})
    assert not (results / "profiles.parquet").exists()
    assert (results / "superseded" / "profiles.parquet").exists()


def test_rates_that_were_measured_size_the_jobs(lab, config):
    config["shards"]["minutes"] = 5
    assert "shards.minutes needs the rate of letters" in run(lab, config, *QUIET)
    run(lab, config, "measure")
    assert jobs(run(lab, config, *QUIET))["screen"] == 3  # one for each background shard
    run(lab, config)
    assert "Nothing to be done" in run(lab, config, *QUIET)
    assert len(pd.read_parquet(lab / "results" / "known" / "effects")) == 8 * 4 * 2 * 16


def test_sharding_changes_no_number(finished, lab, config):
    run(lab, config | {"shards": {"backgrounds": 100, "marginals": 10_000}})
    whole = lab / "results" / "known"
    assert len(list((whole / "effects").rglob("*.parquet"))) == 1
    pd.testing.assert_frame_equal(
        *(pd.read_parquet(of / "summary.parquet") for of in (whole, finished / "results" / "known")), check_exact=True
    )
