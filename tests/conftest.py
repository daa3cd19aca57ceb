"""What all tests share."""

import fcntl
import os
import sys
from pathlib import Path

# Several processes test at once, and their jobs have threads: those that wait must not spin while others have work.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import pytest
import torch
from coverage_summary import coverage_lines
from hypothesis import HealthCheck, settings
from lab_folder import make_config, make_lab
from workflows import run

# How many examples a property test has that does not say so. None depends on how busy the machine is.
UNTIMED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("quick", max_examples=25, **UNTIMED)
settings.register_profile("thorough", max_examples=50, **UNTIMED)
settings.load_profile("quick")

torch.set_num_threads(1)  # several processes test at once, and small networks gain nothing by more


def pytest_terminal_summary(terminalreporter):
    """Tell what is covered before the last line, which counts the tests."""
    if lines := coverage_lines():
        terminalreporter.section("covered by tests in their own processes")
        terminalreporter.write_line("\n".join(lines))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of published models and genomes, which is not part of the project."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the real data are not at {folder}")
    return folder


@pytest.fixture(autouse=True, scope="module")
def search_path_of_file():
    """Folders of models that a file's fixtures load stay on the path for what they import later, but not for others."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [*sys.path])
        yield


@pytest.fixture(autouse=True)
def search_path(monkeypatch):
    """The same for those that a test loads, and the next test."""
    monkeypatch.setattr(sys, "path", [*sys.path])


@pytest.fixture
def lab(tmp_path):
    """The folder; its files are written again for each test."""
    return make_lab(tmp_path)


@pytest.fixture
def config():
    """A screen of every kind of element at two starts on both strands, in shuffled loci, in several shards."""
    return make_config()


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """The lab's folder with the screen of `config` run in it, once for all processes; tests must leave it as it is."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = shared / "finished"
    with open(shared / "finished.lock", "a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "results" / "known" / "report.html").exists():
            folder.mkdir(exist_ok=True)
            run(make_lab(folder), make_config())
    return folder
