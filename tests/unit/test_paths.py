"""The names of results: what is made is read back, and lies where users are told."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from marginalization.store import paths
from marginalization.store.paths import JOB, MODEL, Results, job_labels, job_name, part_name, shard_label, shard_numbers

NAMES = st.from_regex(MODEL, fullmatch=True).filter(lambda name: set(name) != {"."})
NUMBERS = st.integers(1, 20000).flatmap(lambda n: st.tuples(st.integers(0, n - 1), st.just(n)))
LABELS = NUMBERS.map(lambda numbers: shard_label(*numbers))
JOBS = st.builds(job_name, LABELS, LABELS, st.from_regex("[0-9a-f]{12}", fullmatch=True))
FOLDERS = st.lists(NAMES | st.just("logs"), max_size=3).map(lambda names: Results(Path("lab", *names)))
RESULTS = Results(Path("results/demo"))


@given(NUMBERS, NUMBERS)
@example((2000, 16384), (10000, 16384))
def test_labels_are_read_back_and_sort_as_their_numbers(one, other):
    assert shard_numbers(shard_label(*one)) == one
    if one[1] == other[1]:
        assert (shard_label(*one) < shard_label(*other)) == (one < other)


@given(LABELS, LABELS)
def test_jobs_are_read_back(elements, backgrounds):
    job = job_name(elements, backgrounds, "0123456789ab")
    assert job_labels(job) == (elements, backgrounds)
    assert re.fullmatch(JOB, job)


@given(FOLDERS, st.sampled_from(["effects", "profile_sums"]), NAMES, NAMES, JOBS)
def test_parts_are_read_back(results, dataset, model, readout, job):
    path = results.part(dataset, model, readout, job)
    assert part_name(path) == part_name(str(path)) == (model, readout, job)


@given(FOLDERS, NAMES)
def test_models_are_read_back(results, model):
    assert paths.model_of(results.probe(model)) == paths.model_of(results.rate(model)) == model


@given(FOLDERS, st.sampled_from(["merge", "screen", "attribute"]), NAMES, JOBS)
@example(Results(Path("results/logs")), "screen", "logs", "0000of0001-0000of0001-0123456789ab")
def test_a_log_tells_the_results_that_it_lies_in(results, rule, model, job):
    for log in (results.log(rule), results.log(rule, model), results.log(rule, model, job)):
        assert Results.of_log(log) == Results.of_log(str(log)) == results


@given(st.integers(0, 10**12 - 1))
def test_pieces_are_read_back_in_order(first):
    assert int(paths.piece(Path("folder"), first).stem) == first
    assert (paths.piece(Path("folder"), first).name < paths.piece(Path("folder"), 5).name) == (first < 5)


def test_what_is_there_is_found(tmp_path):
    results = Results(tmp_path / "screen")
    jobs = ["0000of0002-0000of0001-aa", "0001of0002-0000of0001-bb"]
    parts = [results.part("effects", model, "counts", job) for model in ("a", "b.c") for job in jobs]
    pieces = [paths.piece(results.pieces("screen", "a", jobs[0]), first) for first in (0, 12)]
    made = [*parts, *pieces, results.table("summary"), paths.begun(parts[0]), results.figure("ranks.of", "svg")]
    for path in made:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        checksum = results.checksum(path)
        checksum.parent.mkdir(parents=True, exist_ok=True)
        checksum.touch()
    assert results.parts("effects") == parts
    assert results.parts("effects", "b.c", job=jobs[1]) == [parts[3]]
    assert results.finished("screen") == [(model, job) for model in ("a", "b.c") for job in jobs]
    assert results.finished("attribute") == []
    assert list(results.begun("effects")) == [paths.begun(parts[0])]
    assert paths.pieces(results.pieces("screen", "a", jobs[0])) == [(0, pieces[0]), (12, pieces[1])]
    assert sorted(results.noted()) == sorted((path, results.checksum(path)) for path in made)
    assert Results.within(tmp_path) == [results]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (RESULTS.table("summary"), "summary.parquet"),
        (RESULTS.part("effects", "{model}", "counts", "{job}"), "effects/model={model}/readout=counts/{job}.parquet"),
        (RESULTS.of_model("effects", "ctcf"), "effects/model=ctcf"),
        (RESULTS.probe("{model}"), "models/{model}.json"),
        (RESULTS.rate("ctcf"), "rates/ctcf.json"),
        (RESULTS.record("screen", "ctcf", "{job}"), "jobs/screen/ctcf/{job}.json"),
        (RESULTS.log("merge"), "logs/merge.log"),
        (RESULTS.benchmark("screen", "{model}", "{job}"), "benchmarks/screen/{model}/{job}.tsv"),
        (RESULTS.pieces("screen", "ctcf", "job"), "unfinished/ctcf/job"),
        (RESULTS.pieces("attribute", "ctcf", "job"), "unfinished_attributions/ctcf/job"),
        (RESULTS.checksum(RESULTS.figure("ranks", "svg")), "checksums/figures/ranks.svg.json"),
        (RESULTS.superseded(RESULTS.table("profiles")), "superseded/profiles.parquet"),
        (RESULTS.provenance, "provenance.json"),
        (RESULTS.report, "report.html"),
    ],
)
def test_where_results_lie(path, expected):
    assert path == Path("results/demo", expected)
    assert Results.of_screen("demo") == RESULTS
    assert str(RESULTS) == "results/demo"


def test_names_are_made_without_torch():
    code = "import sys, marginalization.store.paths; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": ":".join(sys.path)}, check=True)
