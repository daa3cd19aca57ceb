"""Runs of the real workflow, for tests."""

import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

PROJECT = Path(__file__).parents[1]


def start(folder: Path, config: dict | Path, *options: str, cores: int = 2) -> subprocess.Popen:
    """Start the workflow in a folder, on a config or a file with one; what it prints, errors too, is its output."""
    if isinstance(config, dict):
        path = folder / f"{config.get('screen', 'config')}.yaml"
        path.write_text(yaml.safe_dump(config))
        config = path
    command = [sys.executable, "-m", "snakemake", "--snakefile", PROJECT / "Snakefile", "--configfile", config]
    command += ["--cores", str(cores), "--show-failed-logs", "--nocolor", *options]
    environment = {key: value for key, value in os.environ.items() if key != "MARGINALIZATION_COMMAND"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(list(map(str, command)), cwd=folder, env=environment, **pipes)


def snakemake(folder: Path, config: dict | Path, *options: str, cores: int = 2) -> subprocess.CompletedProcess:
    """Run it to its end; returns its exit status and what it printed."""
    process = start(folder, config, *options, cores=cores)
    printed, _ = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, printed)


def run(folder: Path, config: dict | Path, *options: str, cores: int = 2) -> str:
    """The same, for a run that must succeed; returns what it printed."""
    done = snakemake(folder, config, *options, cores=cores)
    assert done.returncode == 0, done.stdout
    return done.stdout


def jobs(printed: str) -> dict[str, int]:
    """The number of jobs of each rule, from what Snakemake printed."""
    return {rule: int(n) for rule, n in re.findall(r"^(\w+) +(\d+)$", printed, re.MULTILINE) if rule != "total"}
