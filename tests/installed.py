"""The package and the workflow outside of this clone, for tests."""

import os
import subprocess
import sys
from subprocess import PIPE, STDOUT


def git(*arguments):
    identity = ["-c", "user.name=lab", "-c", "user.email=lab@localhost"]
    return subprocess.run(["git", *identity, *map(str, arguments)], check=True, stdout=PIPE, text=True).stdout


def call(folder, *command, **environment):
    """The exit status of a command in a folder, and what it printed."""
    variables = {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTHONPATH", "MARGINALIZATION"))
    }
    done = subprocess.run(command, cwd=folder, env={**variables, **environment}, stdout=PIPE, stderr=STDOUT, text=True)
    return done.returncode, done.stdout


def pip_install(bin_folder, *packages):
    """Install packages into the environment with this bin folder; options of pip may be among them."""
    pip = [sys.executable, "-m", "pip", "--python", bin_folder / "python", "install", "--quiet"]
    subprocess.run([*pip, *packages], check=True, stdout=PIPE, stderr=STDOUT)
