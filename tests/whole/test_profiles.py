"""What can be seen of profiles and containers without a cluster or Apptainer: the jobs that they plan, and where."""

import os
import re
import shutil
import subprocess
import sys
import zipfile

import pytest
import yaml
from installed import call, pip_install
from lab_folder import make_config, make_lab
from workflows import PROJECT, jobs

PROFILES = PROJECT / "workflow" / "profiles"
PLUGINS = {
    "lsf": ["snakemake-executor-plugin-lsf==0.3.3"],
    "kubernetes": ["snakemake-executor-plugin-kubernetes==0.5.1", "snakemake-storage-plugin-fs==1.1.3"],
}
ASKED = {
    "lsf": ["lsf_project=mylab", "mem_mb=8000", "runtime=60", "lsf_extra=-gpu num=1 -wa TERM -wt 1"],
    "kubernetes": ["gpu=1", "gpu_manufacturer=nvidia", "scale=0", "mem_mb=8000"],
}
SUMMARY = "results/known/summary.parquet"
APPTAINER = """#!/bin/bash
[ "$1" = --version ] && { echo "apptainer version 1.3.0"; exit; }
while [[ $1 != *.sif ]]; do shift; done
echo "$1" >> images.txt
shift
PATH=ENVIRONMENT:$PATH exec "$@"
"""


@pytest.fixture
def lab(tmp_path):
    (make_lab(tmp_path) / "known.yaml").write_text(yaml.safe_dump(make_config()))
    return tmp_path


def snakemake(installed, lab, *options, **environment):
    command = [installed / "python", "-m", "snakemake", "--snakefile", PROJECT / "Snakefile", "--nocolor", *options]
    return call(lab, *command, "--configfile", "known.yaml", **environment)


@pytest.mark.parametrize("name", PLUGINS)
def test_a_screen_is_planned_with_a_profile(installed, lab, name):
    pip_install(installed, *PLUGINS[name])
    shutil.copytree(PROFILES / name, lab / name)
    given = yaml.safe_load((lab / name / "config.yaml").read_text())
    storage = ["--default-storage-prefix", lab / "store"] if "default-storage-prefix" in given else []
    status, printed = snakemake(installed, lab, "--profile", lab / name, *storage, "--dry-run")
    assert status == 0, printed
    assert jobs(printed)["screen"] == 4
    resources = re.findall(r"^rule screen:.*?^ +resources: (.*?)$", printed, re.MULTILINE | re.DOTALL)
    assert len(resources) == 4
    assert all(asked in line for line in resources for asked in ASKED[name]), resources
    of_slurm = yaml.safe_load((PROFILES / "slurm" / "config.yaml").read_text())
    assert given["set-resources"].keys() == of_slurm["set-resources"].keys()


def test_each_job_runs_in_the_container(installed, lab):
    """In a stand-in for Apptainer, which notes the image and runs the job in another environment."""
    (lab / "bin").mkdir()
    (lab / "bin" / "apptainer").write_text(APPTAINER.replace("ENVIRONMENT", str(installed)))
    (lab / "bin" / "apptainer").chmod(0o755)
    (lab / "marginalization.sif").touch()
    path = f"{lab / 'bin'}:{os.environ['PATH']}"
    status, printed = snakemake(installed, lab, "--sdm", "apptainer", "--cores", "2", SUMMARY, PATH=path)
    assert status == 0, printed
    images = (lab / "images.txt").read_text().split()
    assert images == ["marginalization.sif"] * sum(jobs(printed).values())


def test_the_image_is_made_from_all_that_the_wheel_needs(clone, wheel, tmp_path):
    """What envs/Dockerfile copies is enough to build the package."""
    text = (clone / "envs" / "Dockerfile").read_text()
    for names, target in re.findall(r"^COPY (.+) /source/(\w*)$", text, re.MULTILINE):
        for name in names.split():
            copy = shutil.copytree if (clone / name).is_dir() else shutil.copy
            copy(clone / name, tmp_path / (target or name))
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", tmp_path / "wheel"]
    subprocess.run(build, cwd=tmp_path, check=True, capture_output=True)
    (built,) = (tmp_path / "wheel").glob("*.whl")
    assert built.name == wheel.name
    assert sorted(zipfile.ZipFile(built).namelist()) == sorted(zipfile.ZipFile(wheel).namelist())
