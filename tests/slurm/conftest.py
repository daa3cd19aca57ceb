"""A SLURM for the tests of this folder, and what they need to run the workflow on it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import cluster
import pytest
from workflows import PROJECT

ASKING = Path(__file__).with_name("asking.py")


@pytest.fixture(scope="session")
def slurm(tmp_path_factory) -> "Slurm":
    if reason := cluster.missing():
        pytest.skip(reason)
    try:
        cluster.start()
        yield Slurm(tmp_path_factory.mktemp("home"))
    finally:
        cluster.stop()


class Slurm:
    """Runs of `snakemake --profile slurm` by somebody who has copied the profile as the README says."""

    def __init__(self, home: Path):
        shutil.copytree(PROJECT / "workflow" / "profiles" / "slurm", home / "snakemake" / "slurm")
        self.environment = {key: value for key, value in os.environ.items() if key != "MARGINALIZATION_COMMAND"}
        self.environment |= {
            "XDG_CONFIG_HOME": str(home),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }

    def start(self, folder: Path, *options: str, **environment: str) -> subprocess.Popen:
        """Begin a run in a folder; what it prints goes to `snakemake.log` there."""
        command = [sys.executable, ASKING, "--profile", "slurm", "--snakefile", PROJECT / "Snakefile", "--nocolor"]
        command += ["--latency-wait", "5", *options]
        with open(folder / "snakemake.log", "a") as log:
            return subprocess.Popen(
                list(map(str, command)),
                cwd=folder,
                env={**self.environment, **environment},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def run(self, folder: Path, *options: str, **environment: str) -> str:
        """A run that must succeed; returns all that runs in this folder have printed."""
        status = self.start(folder, *options, **environment).wait(timeout=900)
        printed = (folder / "snakemake.log").read_text()
        assert status == 0, printed
        return printed
