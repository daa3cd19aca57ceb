"""What a dry run shows."""

import re

from workflows import PROJECT, jobs, run

QUIET = ("--dry-run",)


def test_a_first_dry_run_shows_every_job_and_a_remedy_for_too_many(lab, config):
    config["shards"]["max_jobs"] = 2
    printed = run(lab, config, *QUIET)
    shown = jobs(printed)
    assert shown == {
        "backgrounds": 1,
        "elements": 1,
        "probe": 1,
        "screen": 4,
        "merge": 1,
        "clusters": 1,
        "scans": 1,
        "provenance": 1,
        "report": 1,
        "all": 1,
    }
    assert "512 marginals: 1 model x 8 elements x 4 placements x 16 backgrounds, in 4 jobs" in printed
    assert not (lab / "results").exists()
    assert "takes 4 jobs, more than shards.max_jobs (2)" in printed

    # The remedy works, by the file that catalogues look for too, which runs the same jobs.
    backgrounds, marginals = re.search(r"set shards.backgrounds: (\d+) and shards.marginals: (\d+)", printed).groups()
    config["shards"] = {"max_jobs": 2, "backgrounds": int(backgrounds), "marginals": int(marginals)}
    printed = run(lab, config, *QUIET, "--snakefile", PROJECT / "workflow" / "Snakefile")
    inner = jobs(printed)
    assert inner.pop("screen") <= 2
    assert inner == {rule: n for rule, n in shown.items() if rule != "screen"}
    assert "max_jobs" not in printed
