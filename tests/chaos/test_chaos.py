"""Damage and kill screens at random, and run them again: each ends in the same bytes, or in one sentence that says why.

    pytest tests/chaos -s        # a few rounds; `make chaos` makes 200

A round takes a finished screen, or one that runs, and by its seed flips a byte of a file, cuts it, empties or deletes
it, puts another file in its place, or kills a job or Snakemake itself. Then it runs the screen again. Where that fails,
a line must name the file and say to delete it; the round does so, and runs it again.
"""

import contextlib
import os
import random
import re
import shutil
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest
from lab_folder import make_config, make_lab
from marginalization.store.checksums import check_all
from marginalization.store.files import sha256
from marginalization.store.paths import Results
from workflows import snakemake, start

ROUNDS = int(os.environ.get("CHAOS_ROUNDS", 2))
FIRST = int(os.environ.get("CHAOS_SEED", 0))
RESULTS = Path("results/known")
RUNS = 4
"""As often as a screen may have to be run again: one damaged file can hide another."""


def config():
    """A small screen that makes every kind of table."""
    readouts = {"counts": {"profile": {"logits": 0, "counts": 1}}, "log": {"output": 1, "targets": ["log"]}}
    motifs = {"motifs": [{"file": "motifs.tsv"}], "controls": {"shuffles": 2}}
    pairs = [{"first": "wide", "second": "single", "distances": [0, 3]}]
    return make_config() | {
        "models": {name: {"factory": "lab.py:TwoHeads"} for name in "ab"},
        "groups": {"both": ["a", "b"]},
        "readouts": readouts,
        "elements": make_config()["elements"] | motifs | {"pairs": pairs},
        "placement": {"strands": "both"},
        "attributions": {"function": "saturation_mutagenesis", "readouts": ["log"], "window": 10},
        "shards": {"backgrounds": 8},
    }


@pytest.fixture(scope="session")
def screens(tmp_path_factory):
    """The folder of a screen before it is run, that of the finished one, its tables' digests, and its seconds."""
    before = make_lab(tmp_path_factory.mktemp("before"))
    finished = shutil.copytree(before, tmp_path_factory.mktemp("finished") / "lab")
    begin = time.monotonic()
    done = snakemake(finished, config())
    assert done.returncode == 0, done.stdout
    return before, finished, tables(finished), time.monotonic() - begin


def tables(folder):
    """The digests of a screen's tables, by their paths."""
    results = folder / RESULTS
    paths = [path for path in results.rglob("*.parquet") if "superseded" not in path.parts]
    return {str(path.relative_to(results)): sha256(path) for path in sorted(paths)}


def flip(path, chance):
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def cut(path, chance):
    os.truncate(path, chance.randrange(path.stat().st_size))


def empty(path, _):
    os.truncate(path, 0)


def delete(path, _):
    path.unlink()


def swap(path, chance):
    others = [other for other in path.parent.iterdir() if other.is_file() and other != path]
    shutil.copy(chance.choice(others or [path]), path)


DAMAGE = [flip, cut, empty, delete, swap]


def damage(folder, chance):
    """Damage one of the screen's files; returns what was done and to which."""
    files = [path for path in sorted((folder / RESULTS).rglob("*")) if path.is_file() and path.stat().st_size]
    files += sorted((folder / ".snakemake" / "marginalization").glob("*.json"))
    path, how = chance.choice(files), chance.choice(DAMAGE)
    how(path, chance)
    return how.__name__, str(path.relative_to(folder))


def kill(process, chance):
    """Kill a job, or Snakemake and all that it has started; returns what was killed."""
    jobs = psutil.Process(process.pid).children(recursive=True)
    if jobs and chance.random() < 0.5:
        job = chance.choice(jobs)
        with contextlib.suppress(psutil.NoSuchProcess):
            job.kill()
        return "kill", "a job"
    for victim in [psutil.Process(process.pid), *jobs]:
        with contextlib.suppress(psutil.NoSuchProcess):
            victim.kill()
    return "kill", "Snakemake"


def disturb(folder, running, chance, seconds):
    """Do something bad to a screen; returns what, to what, and what Snakemake had printed."""
    if not running:
        return *damage(folder, chance), ""
    process = start(folder, config())
    time.sleep(chance.uniform(0, seconds))
    if process.poll() is None and chance.random() < 0.5:
        what = kill(process, chance)
    else:
        with contextlib.suppress(FileNotFoundError, IndexError):  # gone meanwhile, or nothing is there yet
            what = damage(folder, chance)
    return *what, process.communicate()[0]


def told(printed):
    """The file that a line says to delete, if one does."""
    found = re.search(r"(results/\S+|\.snakemake/\S+?)(?:,| is| can| has)[^\n]*[Dd]elete it", printed)
    return found and found[1]


def one_round(seed, folder, screens):
    """A row of the table: the screen, what was done, to what, and how it ended."""
    before, finished, expected, seconds = screens
    chance = random.Random(seed)
    running = chance.random() < 0.5
    shutil.copytree(before if running else finished, folder, symlinks=True)
    what, path, _ = disturb(folder, running, chance, seconds)
    ending = []
    for _ in range(RUNS):
        snakemake(folder, config(), "--unlock")
        done = snakemake(folder, config(), "--rerun-incomplete")
        if done.returncode == 0:
            break
        named = told(done.stdout)
        assert named, f"seed {seed}: {what} {path}: no line names a file to delete:\n{done.stdout}"
        ending.append(f"told of {named}")
        (folder / named).unlink()
    assert tables(folder) == expected, f"seed {seed}: {what} {path}: other tables, after {ending}\n{done.stdout}"
    check_all(Results(folder / RESULTS))
    return "running" if running else "finished", what, path, ", ".join([*ending, "the same bytes"])


def test_a_screen_that_is_damaged_or_killed_ends_in_the_same_bytes_or_says_why_not(screens, tmp_path):
    rows = []
    for seed in range(FIRST, FIRST + ROUNDS):
        folder = tmp_path / str(seed)
        rows.append(one_round(seed, folder, screens))
        print(f"{seed:5} " + "  ".join(rows[-1]), flush=True)
        shutil.rmtree(folder)
    for (what, ending), n in sorted(Counter((row[1], "told of" in row[3]) for row in rows).items()):
        print(f"{n:5} x {what}: the same bytes" + (", after a line that named a file" if ending else ""))
