"""The workflow on a real SLURM: the same bytes as on this machine, whatever happens to the jobs meanwhile."""

import os
import re
import signal
import subprocess
import time

import pytest
import yaml
from cluster import SMALL
from lab_folder import make_config, make_lab
from lab_tables import TSV
from workflows import run

pytestmark = pytest.mark.usefixtures("slurm")


def squeue(*options):
    return subprocess.run(["squeue", "-h", *options], capture_output=True, text=True, check=True).stdout.split()


def job_details():
    """What SLURM knows of all its jobs: by id, the text of `scontrol show job`."""
    text = subprocess.run(["scontrol", "-d", "show", "job"], capture_output=True, text=True, check=True).stdout
    return {int(re.match(r"\d+", part)[0]): part for part in text.split("JobId=")[1:]}


def wait_for(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)
    return found


def submitted(printed, rule):
    """The SLURM ids of a rule's jobs."""
    return [int(i) for i in re.findall(rf"SLURM jobid (\d+) \(log: \S*/rule_{rule}/", printed)]


def test_a_screen_gives_the_same_bytes_as_here(slurm, finished, tmp_path):
    lab, here = make_lab(tmp_path), finished / "results" / "known"
    (lab / "known.yaml").write_text(yaml.safe_dump(make_config()))
    printed = slurm.run(lab, "--configfile", "known.yaml", *SMALL[:4])
    there = lab / "results" / "known"
    tables = sorted(path.relative_to(here) for path in here.rglob("*.parquet"))
    assert tables == sorted(path.relative_to(there) for path in there.rglob("*.parquet"))
    assert all((here / table).read_bytes() == (there / table).read_bytes() for table in tables)
    assert (there / "report.html").is_file()

    details = job_details()
    shards = submitted(printed, "screen")
    assert shards
    for job in shards:
        assert "TresPerJob=gres:gpu:1" in details[job]
    for rule in ("backgrounds", "elements", "probe", "merge"):
        assert all("gres" not in details[job] for job in submitted(printed, rule))


SUMMARY = "results/slow/summary.parquet"
SLOW = [SUMMARY, "--configfile", "slow.yaml"]
"""Up to its summary: what comes after it takes a job each, of which the screen above has all."""


@pytest.fixture(scope="module")
def truth(tmp_path_factory):
    """A lab's folder in which the screen of `slow` ran here, undisturbed and without its pauses."""
    return make_slow(tmp_path_factory.mktemp("truth"), run_it=True)


def make_slow(folder, run_it=False):
    """A lab whose model can be made to take a second for each motif, for two shards of some twenty motifs each."""
    motifs = "".join(f"m{i}\t{'ACGT'[i % 4]}{'ACGT'[i // 4 % 4]}{'ACGT'[i // 16]}\n" for i in range(40))
    (folder / "motifs.tsv").write_text(TSV.splitlines()[0] + "\n" + motifs)
    (folder / "lab.py").write_text(
        "import os, time\n"
        "from torch import nn\n\n\n"
        "class Slow(nn.Module):\n"
        "    def forward(self, X):\n"
        '        time.sleep(float(os.environ.get("LAB_SLEEP", 0)) * (len(X) == 20))\n'
        "        return X[:, :1].sum(-1)\n"
    )
    (folder / "slow.yaml").write_text(
        "screen: slow\n"
        "models: {letters: {factory: 'lab.py:Slow'}}\n"
        "elements: {motifs: [{file: motifs.tsv}]}\n"
        "backgrounds: {length: 40, random: {n: 20}}\n"
        "compute: {batch_size: 20}\n"
        "shards: {marginals: 400}\n"
    )
    if run_it:
        run(folder, folder / "slow.yaml", SUMMARY)
    return folder


def results(folder):
    return folder / "results" / "slow"


def effects(folder):
    return {path.name: path for path in results(folder).rglob("effects/**/*.parquet")}


def assert_same(folder, truth):
    assert (results(folder) / "summary.parquet").read_bytes() == (results(truth) / "summary.parquet").read_bytes()
    assert not list(results(folder).rglob(".*"))  # of an unfinished table
    assert not (results(folder) / "unfinished").exists()


def progress(folder):
    """Placements that unfinished shards have behind them, by their logs."""
    logs = results(folder).glob("logs/screen/*/*.log")
    return sum(int(n) for log in logs for n in re.findall(r"\| (\d+)/\d+ \[", log.read_text())[-1:])


def test_a_cancelled_shard_is_computed_again(slurm, truth, tmp_path):
    folder = make_slow(tmp_path)
    going = slurm.start(folder, *SLOW, *SMALL[:4], LAB_SLEEP="0.5")
    wait_for(lambda: len(job_of_shards(folder)) >= 2)
    lost = job_of_shards(folder)[0]
    wait_for(lambda: str(lost) in squeue("-o", "%A", "-t", "R"))
    wait_for(lambda: progress(folder) > 2)
    given = [re.search(r"GRES=gpu:1\(IDX:([01])\)", text) for text in job_details().values()]
    assert len({match[1] for match in given if match}) == 2  # a GPU each
    subprocess.run(["scancel", str(lost)], check=True)
    assert going.wait(timeout=600) == 0, (folder / "snakemake.log").read_text()
    assert_same(folder, truth)
    assert len(job_of_shards(folder)) == len(effects(truth)) + 1


def job_of_shards(folder):
    return submitted((folder / "snakemake.log").read_text(), "screen")


def test_a_time_limit_is_told_and_the_next_attempt_goes_on(slurm, truth, tmp_path):
    folder = make_slow(tmp_path)
    slurm.run(folder, *SLOW, *SMALL, LAB_SLEEP="3")
    assert_same(folder, truth)
    logs = [log.read_text() for log in results(folder).glob("logs/screen/*/*.log")]
    again = [re.search(r"going on after the first (\d+) placements", log) for log in logs]
    assert any(again)
    assert all(int(match[1]) > 0 for match in again if match)


def test_snakemake_is_killed_and_started_again(slurm, truth, tmp_path):
    folder = make_slow(tmp_path)
    going = slurm.start(folder, *SLOW, *SMALL[:4], "--jobs", "1", LAB_SLEEP="0.5")
    wait_for(lambda: len(effects(folder)) == 1)
    (finished,) = effects(folder).values()
    wait_for(lambda: len(job_of_shards(folder)) == 2)
    written = finished.stat().st_mtime_ns
    os.killpg(going.pid, signal.SIGKILL)
    going.wait()
    # As the README says.
    subprocess.run(["scancel", "--user", "root"], check=True)
    wait_for(lambda: not squeue("-o", "%A"))
    slurm.run(folder, *SLOW, *SMALL[:4], "--unlock")
    slurm.run(folder, *SLOW, *SMALL[:4])
    assert_same(folder, truth)
    assert finished.stat().st_mtime_ns == written
    assert len(job_of_shards(folder)) == len(effects(truth)) + 1
