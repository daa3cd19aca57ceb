"""What the Snakemake workflow catalog is told."""

import tomllib
from pathlib import Path

import yaml

PROJECT = Path(__file__).parents[2]
USAGE = yaml.safe_load((PROJECT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
RULES = "".join(path.read_text() for path in (PROJECT / "workflow" / "rules").glob("*.smk"))


def test_the_catalog_finds_what_it_reads():
    assert set(USAGE) == {"mandatory-flags", "software-stack-deployment", "report"}
    assert set(USAGE["mandatory-flags"]) == {"desc", "flags"}
    assert (PROJECT / "workflow" / "Snakefile").is_file()
    assert (PROJECT / "config" / "README.md").is_file()


def test_no_deployment_is_claimed_that_no_test_runs():
    assert USAGE["software-stack-deployment"] == {"conda": False, "apptainer": False, "apptainer+conda": False}
    assert "container:" not in RULES


def test_the_report_and_the_extra_that_it_names_are_there():
    assert USAGE["report"] is ("report(" in RULES)
    assert "'.[workflow]'" in USAGE["mandatory-flags"]["desc"]
    assert "workflow" in tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
