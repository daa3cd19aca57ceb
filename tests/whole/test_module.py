"""Another lab's workflow includes this one twice, as modules, each with a config and a prefix of its own."""

import json
import shutil
import sys
from subprocess import PIPE, STDOUT, run

import pandas as pd
import pytest
import yaml
from workflows import PROJECT

OUTER = """
configfile: "config/config.yaml"
rule top:
    input: "strongest.csv", "more/results/few/summary.parquet", "screens/results/known/report.html"
rule strongest:
    input: "screens/results/known/summary.parquet"
    output: "strongest.csv"
    run:
        import pandas
        pandas.read_parquet(input[0]).nlargest(3, "effect_mean").to_csv(output[0])
"""
for name, prefix in (("known", "screens"), ("few", "more")):
    OUTER += f"""
module {name}:
    snakefile: "{PROJECT}/Snakefile"
    config: config["{name}"]
    prefix: "{prefix}"
use rule * from {name} as {name}_*
"""


def outer(folder, *options, **changes):
    """Run the lab's workflow, with changes to one screen's config; returns its exit status and what it printed."""
    known = yaml.safe_load((folder / "known.yaml").read_text())
    few = known | {"screen": "few", "backgrounds": {"length": 40, "random": {"n": 3}}}
    (folder / "config").mkdir(exist_ok=True)
    (folder / "config/config.yaml").write_text(yaml.safe_dump({"known": known | changes, "few": few}))
    (folder / "Snakefile").write_text(OUTER)
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--nocolor", *options]
    return run(command, cwd=folder, stdout=PIPE, stderr=STDOUT, text=True)


@pytest.fixture(scope="module")
def included(finished, tmp_path_factory):
    """A folder with the lab's files of `finished` alone, and the lab's workflow run in it."""
    results = shutil.ignore_patterns("results", ".snakemake")
    folder = shutil.copytree(finished, tmp_path_factory.mktemp("included") / "lab", ignore=results)
    done = outer(folder)
    assert done.returncode == 0, done.stdout
    assert "localrules" not in done.stdout
    return folder


def test_the_results_are_those_of_the_workflow_by_itself(included, finished):
    below, alone = included / "screens/results/known", finished / "results/known"
    tables = [pd.read_parquet(results / "summary.parquet") for results in (below, alone)]
    pd.testing.assert_frame_equal(*tables, check_exact=True)
    of_module, of_itself = (json.loads((results / "provenance.json").read_text()) for results in (below, alone))
    for key in ("config", "config_sha256", "inputs", "counts"):
        assert of_module[key] == of_itself[key]
    files = [{path.relative_to(results) for path in results.rglob("*")} for results in (below, alone)]
    assert files[0] == files[1]
    assert len(pd.read_csv(included / "strongest.csv")) == 3


def test_all_results_are_below_the_prefixes(included):
    assert (pd.read_parquet(included / "more/results/few/summary.parquet")["n_backgrounds"] == 3).all()
    assert sorted(included.rglob("results")) == [included / "more/results", included / "screens/results"]


@pytest.mark.parametrize("options", [[], ["--configfile", "config/config.yaml"]], ids=["configfile", "option"])
def test_a_second_run_does_nothing(included, options):
    assert "Nothing to be done" in outer(included, *options).stdout


def test_files_of_an_earlier_plan_are_set_aside_below_the_prefix(included, tmp_path):
    folder = shutil.copytree(included, tmp_path / "lab")
    assert outer(folder, "screens/results/known/summary.parquet", shards={"backgrounds": 16}).returncode == 0
    assert len(list(folder.glob("screens/results/known/superseded/effects/*/*/*.parquet"))) == 4
    assert len(list(folder.glob("screens/results/known/effects/*/*/*.parquet"))) == 1


def test_a_bad_config_gets_one_error(included, tmp_path):
    done = outer(shutil.copytree(included, tmp_path / "lab"), "--dry-run", placement={"strand": "both"})
    assert done.returncode != 0
    assert "config: unknown key 'strand' in placement; did you mean 'strands'?" in done.stdout
    assert "Traceback" not in done.stdout
