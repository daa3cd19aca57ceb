"""Time the workflow around the models: the plan of a large screen, and a whole screen with a tiny model on the CPU.

    python tests/benchmark/screen.py [--full]

First, for two dry runs of a screen of many annotations of a made-up genome with five folds (the second finds the plan
of the first): seconds, peak memory and the number of jobs, beside their goals. Then, for a screen that is run with two
cores: its wall time; for each rule when its first job began and its last ended; and how much of the shards' time, with
and without the start of their jobs, was spent in the model (which as the shards tell it includes capturing the model
and encoding the elements). Timings are only as steady as the machine is idle.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import yaml

PROJECT = Path(__file__).parents[2]
LENGTH = 500
LETTERS = np.frombuffer(b"ACGT", np.uint8)
CHROMOSOMES = [f"chr{i}" for i in range(1, 6)]
MODEL = '''
import torch
from torch import nn


def tiny(seed):
    """Two convolutional layers of 16 channels, their mean over all positions, and a dense layer."""
    torch.manual_seed(seed)
    convolutions = nn.Conv1d(4, 16, 11, padding=5), nn.ReLU(), nn.Conv1d(16, 16, 11, padding=5), nn.ReLU()
    return nn.Sequential(*convolutions, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(16, 1))
'''


# Inputs are written in pieces: a child begins with the peak memory of the process that starts it, so this stays small.
def write_genome(path, length, rng, piece=1_000_000):
    """Random chromosomes of `length` bases each, a multiple of `piece`, in lines of 100 bases."""
    with open(path, "wb") as handle:
        for chrom in CHROMOSOMES:
            handle.write(f">{chrom}\n".encode())
            for _ in range(length // piece):
                bases = LETTERS[rng.integers(0, 4, (piece // 100, 100))]
                handle.write(np.insert(bases, 100, ord("\n"), axis=1).tobytes())


def write_annotations(path, n, length, rng, piece=10_000):
    """Annotations of 15 to 25 bases, anywhere, on either strand; n is a multiple of `piece`."""
    with open(path, "w") as handle:
        for first in range(0, n, piece):
            starts, widths = rng.integers(0, length - 25, piece), rng.integers(15, 26, piece)
            rows = zip(
                rng.choice(CHROMOSOMES, piece), starts, starts + widths, rng.choice(["+", "-"], piece), strict=True
            )
            for i, (chrom, start, end, strand) in enumerate(rows, start=first):
                handle.write(f"{chrom}\t{start}\t{end}\tsite{i}\t0\t{strand}\n")


def write_config(folder, name, annotations, n_backgrounds, n_models):
    config = {
        "screen": name,
        "models": {f"fold_{i}": {"factory": "tiny.py:tiny", "kwargs": {"seed": i}} for i in range(n_models)},
        "elements": {"annotations": [{"file": annotations, "genome": "genome.fa"}]},
        "backgrounds": {"length": LENGTH, "random": {"n": n_backgrounds}},
        "compute": {"device": "cpu"},
    }
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(config))


def snakemake(folder, name, *options):
    """Run the workflow; returns its lines with the seconds when each came, seconds in all, and peak memory in GB."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", PROJECT / "Snakefile"]
    command += ["--configfile", f"{name}.yaml", "--cores", "2", "--nocolor", *options]
    begin = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = [(time.perf_counter() - begin, line.rstrip()) for line in process.stdout]
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit("\n".join(line for _, line in lines))
    return lines, time.perf_counter() - begin, usage.ru_maxrss * 1024 / 1e9


def found(pattern, lines):
    """The first group of a pattern's match in each line that has one, and when the line came."""
    return [(match[1], seconds) for seconds, line in lines if (match := re.search(pattern, line))]


def time_plan(folder, n):
    print(f"Plan of {n:,} annotations x 100 backgrounds, 5 models (goals: 60 s, 1 GB, 2,000 jobs)", flush=True)
    write_config(folder, "plan", "many.bed", n_backgrounds=100, n_models=5)
    for run in ("first dry run", "second dry run"):
        lines, seconds, peak = snakemake(folder, "plan", "--dry-run", "--quiet", "rules")
        jobs, _ = found(r"^total +(\d+)", lines)[0]
        print(f"  {run:<15} {seconds:6.1f} s  {peak:5.2f} GB  {int(jobs):,} jobs", flush=True)


def time_screen(folder, n):
    print(f"Screen of {n:,} annotations x 10 backgrounds, 1 model, 2 cores", flush=True)
    write_config(folder, "whole", "few.bed", n_backgrounds=10, n_models=1)
    lines, seconds, peak = snakemake(folder, "whole")
    print(f"  {seconds:.1f} s in all, peak memory of any process {peak:.2f} GB")
    began, ended = found(r"^(?:local)?rule (\w+):", lines), found(r"^Finished jobid: \d+ \(Rule: (\w+)\)", lines)
    firsts, jobs_of = dict(reversed(began)), Counter(rule for rule, _ in began)
    print(f"  {'(plan)':<12} {0:6.1f} to {began[0][1]:6.1f} s, with Snakemake's start")
    for rule, last in dict(ended).items():
        print(f"  {rule:<12} {firsts[rule]:6.1f} to {last:6.1f} s, {last - firsts[rule]:.1f} s; jobs: {jobs_of[rule]}")

    results = folder / "results" / "whole"
    records = [json.loads(path.read_text()) for path in (results / "jobs" / "screen").rglob("*.json")]
    model, own = (sum(record[name] for record in records) for name in ("model_seconds", "seconds"))
    rate = np.mean([record["marginals_per_second"] for record in records])
    tables = [path.read_text().splitlines() for path in (results / "benchmarks" / "screen").rglob("*.tsv")]
    jobs = sum(float(row.split("\t")[header.split("\t").index("s")]) for header, row in tables)
    print(f"  shards: {len(records)}, each {rate:,.0f} marginals per second of the model's time")
    print(f"  in the model {model:.1f} s, {model / own:.0%} of the shards' own {own:.1f} s (goal: 80 %)")
    print(f"  and {model / jobs:.0%} of their jobs' {jobs:.1f} s, with start-up, loading and waiting")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="a million annotations planned, 100,000 screened")
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    planned, screened, length = (1_000_000, 100_000, 50_000_000) if arguments.full else (100_000, 10_000, 10_000_000)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "tiny.py").write_text(MODEL)
        write_genome(folder / "genome.fa", length, rng)
        write_annotations(folder / "many.bed", planned, length, rng)
        write_annotations(folder / "few.bed", screened, length, rng)
        time_plan(folder, planned)
        time_screen(folder, screened)


if __name__ == "__main__":
    main()
