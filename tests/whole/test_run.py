"""`marginalization run`: the same bytes as Snakemake's own, and what a person sees of it."""

import os
import re
import subprocess
import sys

import pandas as pd
import pytest
import yaml
from lab_folder import make_config, make_lab
from workflows import PROJECT

CORE = PROJECT / "workflow" / "scripts"


def call(folder, *arguments):
    """The exit status of the command line, and what it printed."""
    path = os.pathsep.join([str(CORE), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "marginalization", *arguments]
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return done.returncode, done.stdout


def tables_of(folder):
    """The bytes of all tables and parts, by their path."""
    results = folder / "results" / "known"
    return {path.relative_to(results): path.read_bytes() for path in results.rglob("*.parquet")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = make_lab(tmp_path_factory.mktemp("run"))
    (folder / "known.yaml").write_text(yaml.safe_dump(make_config()))
    return folder


def test_what_is_seen_of_a_screen_from_failure_to_end(folder, finished):
    code = (folder / "lab.py").read_text()
    broken = code.replace("half = X.shape[-1] // 2", 'raise RuntimeError("no weights for " + str(len(X)))')
    (folder / "lab.py").write_text(broken)
    status, printed = call(folder, "run", "known.yaml", "--cores", "2")
    assert status == 1
    (error,) = re.findall("^Error.*$", printed, re.MULTILINE)
    assert re.match(
        r"Error in probe of letters: .*no weights for \d+.* \(results/known/logs/probe/letters.log\)$", error
    )
    assert re.search(r"^Stopped after \d+ s with \d of 13 jobs done; what is done is kept\.$", printed, re.MULTILINE)
    assert "Traceback" not in printed

    (folder / "lab.py").write_text(code)
    status, printed = call(folder, "run", "known.yaml", "--cores", "2")
    assert status == 0, printed
    told = [line for line in printed.splitlines() if not line.startswith("Using profile")]
    assert told[0].startswith("Screen known: 512 marginals: 1 model x 8 elements x 4 placements x 16 backgrounds")
    assert re.fullmatch(r"Done in \d+ s: results/known/report.html", told[-1])
    assert len(told) <= 3
    assert tables_of(folder) == tables_of(finished)

    assert call(folder, "run", "known.yaml")[1].splitlines()[-1] == "All is done: results/known/report.html"
    dry = call(folder, "run", "known.yaml", "--forceall", "--dry-run")[1]
    assert dry.splitlines()[-1] == "13 jobs are left to run."


def test_errors_of_the_parse_are_one_line(folder):
    config = make_config()
    config["elements"]["motifs"][1]["file"] = "motif.tsv"
    (folder / "typo.yaml").write_text(yaml.safe_dump(config))
    status, printed = call(folder, "run", "typo.yaml", "--cores", "2")
    assert status == 1
    told = [line for line in printed.splitlines() if not line.startswith("Using profile")]
    assert told == ["Error: config: elements: no file motif.tsv; did you mean motifs.tsv?"]


def test_a_job_that_a_second_attempt_does_is_done(folder):
    """As when the machine of a first one dies."""
    mark = "from pathlib import Path\n\nmark = Path('died')\n"
    died = "if not mark.exists():\n    mark.touch()\n    raise RuntimeError('died')\n"
    (folder / "dies.py").write_text(f"{mark}{died}from lab import Letters\n")
    motifs = {"motifs": [{"file": "motifs.tsv"}]}
    config = {"screen": "dies", "models": {"letters": {"factory": "dies.py:Letters"}}, "elements": motifs}
    (folder / "dies.yaml").write_text(yaml.safe_dump(config | {"backgrounds": {"length": 40, "random": {"n": 2}}}))
    status, printed = call(folder, "run", "dies.yaml", "--cores", "2", "--retries", "1")
    assert status == 0, printed
    assert "Error in probe of letters: " in printed
    assert re.fullmatch(r"Done in \d+ s: results/dies/report.html", printed.splitlines()[-1])


def test_the_options_of_snakemake_go_through(folder):
    printed = call(folder, "run", "known.yaml", "--profile", "nowhere")[1]
    assert "nowhere" in printed
    rate = call(folder, "run", "known.yaml", "measure", "--dry-run")[1]
    assert rate.splitlines()[-1] == "2 jobs are left to run."


def test_annotations_go_to_a_genome_browser(finished, tmp_path):
    path = tmp_path / "known.bedgraph"
    status, printed = call(finished, "export", "results/known", str(path), "--target", "0")
    assert status == 0, printed
    graph = pd.read_csv(path, sep="\t", names=["chrom", "start", "end", "effect"])
    assert graph[["chrom", "start", "end"]].to_numpy().tolist() == [["chr1", 10, 16], ["chr2", 996, 1003]]
    summary = pd.read_parquet(finished / "results/known/summary.parquet").query("target == '0'")
    best = summary.sort_values("rank").drop_duplicates("element_id").set_index("element_id")["effect_mean"]
    annotations = pd.read_parquet(finished / "results/known/annotations.parquet")
    largest = max(best[annotations["element_id"][:2]], key=abs)
    assert graph["effect"].tolist() == pytest.approx([largest, best[annotations["element_id"][2]]], rel=1e-5)
