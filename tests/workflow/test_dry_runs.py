"""What a dry run shows."""

import re

from workflows import PROJECT, jobs, run

QUIET = ("--dry-run",)


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


def test_the_file_that_catalogues_look_for_runs_the_same_jobs(lab, config):
    shown = jobs(run(lab, config, *QUIET))
    inner = jobs(run(lab, config, *QUIET, "--snakefile", PROJECT / "workflow" / "Snakefile"))
    assert inner == shown


def test_too_many_jobs_draw_a_warning_whose_remedy_works(lab, config):
    config["shards"]["max_jobs"] = 2
    printed = run(lab, config, *QUIET)
    assert "takes 6 jobs, more than shards.max_jobs (2)" in printed
    backgrounds, marginals = re.search(r"set shards.backgrounds: (\d+) and shards.marginals: (\d+)", printed).groups()
    config["shards"] = {"max_jobs": 2, "backgrounds": int(backgrounds), "marginals": int(marginals)}
    printed = run(lab, config, *QUIET)
    assert jobs(printed)["screen"] <= 2
    assert "max_jobs" not in printed
