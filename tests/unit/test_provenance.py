import hashlib
import importlib.metadata
import platform
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from marginalization import __version__
from marginalization.config.checks import config_hash
from marginalization.config.dependencies import code_digest
from marginalization.jobs import provenance
from marginalization.jobs.provenance import commit, facts, made_by, packages, wall_seconds
from marginalization.store.files import sha256, write_table
from marginalization.store.schemas import BACKGROUNDS
from screens import resolved


@given(st.binary(max_size=100))
def test_sha256(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("sha") / "file"
    path.write_bytes(content)
    assert sha256(str(path)) == hashlib.sha256(content).hexdigest()


def test_packages():
    found = packages()
    assert found["python"] == platform.python_version()
    for name in ("torch", "numpy", "pandas", "pyarrow", "snakemake"):
        assert found[name] == importlib.metadata.version(name)


def git(folder, *arguments):
    names = ["-c", "user.name=a", "-c", "user.email=a@b"]
    return subprocess.run(["git", "-C", folder, *names, *arguments], check=True, capture_output=True, text=True).stdout


def test_the_commit_is_that_of_the_code(tmp_path, monkeypatch):
    code = tmp_path / "provenance.py"
    monkeypatch.setattr(provenance, "__file__", str(code))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert commit() is None  # no checkout
    code.write_text("1")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    head = git(tmp_path, "rev-parse", "HEAD").strip()
    assert len(head) == 40
    assert commit() == head
    git(tmp_path, "tag", "-am", "tagged", "v1")
    assert commit() == head
    code.write_text("2")
    assert commit() == f"{head}-dirty"
    monkeypatch.setenv("PATH", "")
    assert commit() is None  # no git


def test_facts(tmp_path):
    config = resolved(seed=3)
    paths = [str(tmp_path / name) for name in "ba"]
    for path in paths:
        Path(path).write_text(path)
    found = facts(config, paths)
    assert found == {
        "screen": "tiny",
        "config_sha256": config_hash(config),
        "seed": 3,
        "marginalization": __version__,
        "commit": commit(),
        "code": code_digest(),
        "inputs": {path: hashlib.sha256(path.encode()).hexdigest() for path in paths},
        "packages": packages(),
    }
    assert list(found["inputs"]) == sorted(paths)
    assert facts(config)["inputs"] == {}


def test_a_table_names_what_computed_the_parts_that_it_is_of(tmp_path):
    earlier = {"marginalization": "0.0.1", "commit": None, "code": "0123"}
    for name, made in (("a", made_by()), ("b", earlier), ("c", made_by())):
        write_table(pd.DataFrame(columns=BACKGROUNDS.names), tmp_path / name, BACKGROUNDS, made)
    found = facts(resolved(), parts=[str(tmp_path / name) for name in "abc"])
    assert found["computed_by"] == [earlier | {"files": 1}, made_by() | {"files": 2}]
    assert found["commit"] == commit()


def test_versions_of_the_packages_that_models_are_of():
    config = resolved(models={"toy": {"factory": "tangermeme.tools:fimo"}})
    assert facts(config)["packages"]["tangermeme"] == importlib.metadata.version("tangermeme")
    config = resolved(readouts={"own": {"function": "Bio.Seq:Seq"}})
    assert "tangermeme" not in facts(config)["packages"]


@pytest.mark.parametrize(("text", "seconds"), [("s\th:m:s\tmax_rss\n12.5\t0:00:12\t3\n", 12.5), (None, None)])
def test_wall_seconds(tmp_path, text, seconds):
    if text:
        (tmp_path / "job.tsv").write_text(text)
    assert wall_seconds(tmp_path / "job.tsv") == seconds
