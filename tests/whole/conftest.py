"""What is committed as a clone, its wheel, and environments that have it, each for a file of tests."""

import subprocess
import sys
from subprocess import PIPE, STDOUT

import pytest
from installed import git, pip_install
from workflows import PROJECT


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """What is committed, alone; a test of an unpacked archive has no such thing."""
    if not (PROJECT / ".git").exists():
        pytest.skip("this is no clone")
    folder = tmp_path_factory.mktemp("github") / "lab" / "screens"
    git("clone", "-q", PROJECT, folder)
    return folder


@pytest.fixture(scope="module")
def wheel(clone, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder]
    subprocess.run(build, cwd=clone, check=True, stdout=PIPE, stderr=STDOUT)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The bin folder of an environment with the wheel, beside the packages of this one but without this clone."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    # A path in a .pth file gives its packages, and not what its own .pth files lead to, such as a clone.
    (site / "others.pth").write_text("\n".join(path for path in sys.path if path.endswith("-packages")))
    pip_install(folder / "bin", "--no-deps", "--no-index", wheel)
    return folder / "bin"
