"""What a job has written is what the next one reads, or is said not to be."""

import logging
import os
import shutil
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from marginalization.errors import InputError
from marginalization.stages.job import as_job
from marginalization.store import checksums
from marginalization.store.checksums import check, check_all, note
from marginalization.store.paths import Results


def make(results, **files):
    """Run a job that writes files; returns their paths."""
    paths = [results / name for name in files]

    for path, content in zip(paths, files.values(), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    note(Results(results), paths)
    return paths


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(min_size=1), st.data())
def test_any_change_of_a_file_is_seen(tmp_path_factory, content, data):
    """Also a change that leaves the size and the time as they were."""
    results = tmp_path_factory.mktemp("results")
    (path,) = make(results, table=content)
    check_all(Results(results))
    changed = data.draw(st.binary().filter(lambda other: other != content))
    stat = path.stat()
    path.write_bytes(changed)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    for checking in (lambda: check(Results(results), [path]), lambda: check_all(Results(results))):
        with pytest.raises(InputError, match=rf"{path} is not what its job wrote.*Delete it and run snakemake again"):
            checking()
    path.write_bytes(content)
    check_all(Results(results))


def test_what_is_touched_copied_deleted_or_not_known_is_let_pass(tmp_path):
    path, other = make(tmp_path / "a", table=b"1", other=b"2")
    path.touch()
    check(Results(tmp_path / "a"), [path])
    copy = shutil.copytree(tmp_path / "a", tmp_path / "b")
    check_all(Results(copy))
    other.unlink()
    check_all(Results(tmp_path / "a"))
    (tmp_path / "a" / "new").write_text("3")
    check(Results(tmp_path / "a"), [tmp_path / "a" / "new", tmp_path / "elsewhere"])
    (tmp_path / "a" / "checksums" / "table.json").write_text("{")
    path.write_text("4")
    check_all(Results(tmp_path / "a"))


def test_an_untouched_file_is_not_read(tmp_path, monkeypatch):
    (path,) = make(tmp_path, table=b"1")
    read = []
    monkeypatch.setattr(checksums, "sha256", lambda path: read.append(path))
    check(Results(tmp_path), [path])
    assert not read


def run(results, inputs, outputs, content):
    """A job of the workflow that writes `content` to each of its outputs; returns its log."""
    log = results / "logs" / "some" / "job.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with as_job(SimpleNamespace(log=[str(log)], input=inputs, output=outputs)):
        for path in outputs:
            if path.suffix:
                path.write_text(content)
            else:
                path.mkdir(exist_ok=True)
                (path / "file").write_text(content)
    return log.read_text()


def test_after_a_job_the_process_logs_as_before(tmp_path):
    root, package = logging.getLogger(), logging.getLogger("marginalization")
    before = [*root.handlers], package.level, [*package.handlers]
    run(tmp_path, [], [tmp_path / "table.txt"], "1")
    assert ([*root.handlers], package.level, [*package.handlers]) == before


def test_jobs_check_what_they_read_and_note_what_they_write(tmp_path):
    table, folder = tmp_path / "table.txt", tmp_path / "folder"
    run(tmp_path, [], [table, folder], "1")
    run(tmp_path, [table, folder], [tmp_path / "next.txt"], "2")
    (folder / "file").write_text("2")
    with pytest.raises(SystemExit):
        run(tmp_path, [table, folder], [tmp_path / "next.txt"], "3")
    log = (tmp_path / "logs" / "some" / "job.log").read_text()
    assert log.startswith(f"Error: {folder}/file is not what its job wrote")
    assert (tmp_path / "next.txt").read_text() == "2"
    run(tmp_path, [], [table, folder], "4")
    check_all(Results(tmp_path))


def test_a_job_that_fails_leaves_no_note_of_what_it_has_overwritten(tmp_path):
    table = tmp_path / "table.txt"
    run(tmp_path, [], [table], "1")
    with pytest.raises(SystemExit):
        run(tmp_path, [], [table, tmp_path / "no" / "folder" / "table.txt"], "2")
    assert table.read_text() == "2"
    check_all(Results(tmp_path))
