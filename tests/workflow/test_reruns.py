"""What is run again after a change."""

import re
import shutil

import pandas as pd
import pytest
from lab_tables import MEME
from workflows import jobs, run

QUIET = ("--dry-run",)


@pytest.fixture
def finished(finished, tmp_path):
    """A copy of the finished screen, which a test may change."""
    return shutil.copytree(finished, tmp_path / "copy")


def test_the_first_dry_run_shows_every_job(lab, config):
    printed = run(lab, config, *QUIET)
    shown = jobs(printed)
    assert shown == {
        "backgrounds": 1,
        "elements": 1,
        "probe": 1,
        "screen": 6,
        "merge": 1,
        "provenance": 1,
        "report": 1,
        "all": 1,
    }
    assert "512 marginals: 1 models x 8 elements x 4 placements x 16 backgrounds, in 6 jobs" in printed
    assert not (lab / "results").exists()


def test_a_new_motif_runs_its_own_shard_and_the_merge(finished, config):
    assert "Nothing to be done" in run(finished, config, *QUIET)
    (finished / "motifs.tsv").write_text((finished / "motifs.tsv").read_text() + "new\tTTTTT\t.\n")
    shown = jobs(run(finished, config, *QUIET))
    assert shown == {
        "elements": 1,
        "screen": 3,
        "merge": 1,
        "provenance": 1,
        "report": 1,
        "all": 1,
    }  # 1 of 2 x 3 background shards
    run(finished, config)
    assert "Nothing to be done" in run(finished, config, *QUIET)
    results = finished / "results" / "known"
    assert "new" in pd.read_parquet(results / "summary.parquet")["name"].tolist()
    assert len(pd.read_parquet(results / "effects")) == 9 * 4 * 2 * 16
    assert len(list((results / "superseded").rglob("*.parquet"))) == 3


def test_a_name_alone_runs_no_shard(finished, config):
    (finished / "motifs.meme").write_text(MEME.replace("M2 same", "M3 same"))
    assert "screen" not in jobs(run(finished, config, *QUIET))


def test_a_table_and_a_readout_changed_at_once_are_both_noticed(finished, config):
    """Snakemake looks for no changes in jobs below one that is run again; names that hold digests do."""
    (finished / "motifs.tsv").write_text((finished / "motifs.tsv").read_text() + "new\tTTTTT\t.\n")
    readouts = {"readouts": {"left": {"output": 0, "targets": ["left", "right"]}}}
    assert jobs(run(finished, config | readouts, *QUIET))["screen"] == 6


def test_a_changed_model_runs_its_shards_and_a_touched_one_does_not(finished, config):
    (finished / "lab.py").touch()
    assert "screen" not in jobs(run(finished, config, *QUIET))
    (finished / "lab.py").write_text((finished / "lab.py").read_text().replace("8.0)", "9.0)"))
    assert jobs(run(finished, config, *QUIET))["screen"] == 6


def test_too_many_jobs_draw_a_warning_whose_remedy_works(lab, config):
    config["shards"]["max_jobs"] = 2
    printed = run(lab, config, *QUIET)
    assert "takes 6 jobs, more than shards.max_jobs (2)" in printed
    backgrounds, marginals = re.search(r"set shards.backgrounds: (\d+) and shards.marginals: (\d+)", printed).groups()
    config["shards"] = {"max_jobs": 2, "backgrounds": int(backgrounds), "marginals": int(marginals)}
    printed = run(lab, config, *QUIET)
    assert jobs(printed)["screen"] <= 2
    assert "max_jobs" not in printed
