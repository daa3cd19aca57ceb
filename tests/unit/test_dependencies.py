"""What numbers depend on beside the config: files that are named, imported or read, packages, this project's code."""

import importlib
import os
import shutil
import sys
from pathlib import Path

import pytest
import tangermeme
from marginalization.config.dependencies import (
    PACKAGE,
    code_digest,
    code_file,
    imported_files,
    named_files,
    noted_reads,
    package_files,
    relative,
)
from marginalization.store.files import file_stamp


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty folder that paths are relative to, of whose modules none stays imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in sys.modules[name].__file__:
            del sys.modules[name]


def write(**files):
    for name, text in files.items():
        path = Path(name.replace("__", "/") + ".py")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


def test_code_files():
    assert code_file("folder/model.py:Class.make") == "folder/model.py"
    assert code_file("package.module:make") is None


def test_a_file_put_in_the_place_of_another_has_another_stamp():
    Path("old").write_text("1")
    Path("new").write_text("2")
    stamp = file_stamp("old")
    assert file_stamp("old") == stamp
    os.utime("new", ns=(0, stamp[1]))
    os.replace("new", "old")
    assert file_stamp("old")[:2] == stamp[:2]
    assert file_stamp("old") != stamp


def test_files_are_named_at_any_depth():
    for name in "abc":
        Path(name).touch()
    assert named_files({"x": "a", "y": [1, None, {"z": ("b", "x")}, "c\0"], "w": "x" * 10000, "a": "."}) == {"a", "b"}


IMPORTS = {
    "import helper": {"helper"},
    "import helper as h, numpy": {"helper"},
    "from helper import *": {"helper"},
    "def later():\n    from helper import thing": {"helper"},
    "import package.inner": {"package/__init__", "package/inner", "package/other"},
    "from package import inner": {"package/__init__", "package/inner", "package/other"},
    "from package.inner import thing": {"package/__init__", "package/inner", "package/other"},
    "import package": {"package/__init__"},
    "import first": {"first", "second"},
    "import torch, os.path": set(),
    "not Python": set(),
    "import main": set(),
}


@pytest.mark.parametrize("code", IMPORTS)
@pytest.mark.parametrize("within", [".", "lab"])
def test_files_that_are_imported_from_beside_a_file(folder, within, code):
    home = folder / within
    (home / "package").mkdir(parents=True)
    files = {
        "helper": "",
        "package/__init__": "",
        "package/inner": "from . import other",
        "package/other": "import numpy",
    }
    files |= {"first": "import second", "second": "import first", "unused": "", "main": code}
    for name, text in files.items():
        (home / f"{name}.py").write_text(text)
    found = imported_files(os.path.relpath(home / "main.py"))
    assert {Path(path).resolve().relative_to(home) for path in found} == {Path(f"{name}.py") for name in IMPORTS[code]}


def test_files_of_a_package():
    assert package_files("tangermeme.predict:predict") == sorted(
        map(str, Path(tangermeme.__file__).parent.rglob("*.py"))
    )
    write(single="", nested__inner="")
    importlib.invalidate_caches()
    assert relative(package_files("single:make")) == ["single.py"]
    assert relative(package_files("nested.inner:make")) == ["nested/inner.py"]  # without an __init__
    for reference in ("single.py:make", "nowhere:make", "torch.nn:ReLU", "json:loads", "builtins:len"):
        assert package_files(reference) == []


def test_reads_of_the_lab_are_noted(folder):
    write(dynamic="import json\nwith open('values.json') as file:\n    values = json.load(file)")
    for name in ("values.json", "before.txt", "after.txt"):
        Path(name).write_text("[1]")
    Path("lab.egg-info").mkdir()
    Path("lab.egg-info/entry_points.txt").touch()
    Path("before.txt").read_text()
    with noted_reads() as reads:
        importlib.import_module("dynamic")
        importlib.import_module("tangermeme.product")
        Path("written.txt").write_text("1")
        Path("/proc/self/stat").read_text()
        Path(__file__).read_text()
        Path("lab.egg-info/entry_points.txt").read_text()
        with pytest.raises(FileNotFoundError):
            Path("missing.txt").read_text()
    Path("after.txt").read_text()
    assert relative(reads) == ["dynamic.py", "values.json"]
    with noted_reads() as reads:
        Path("after.txt").read_text()
    assert relative(reads) == ["after.txt"]


def test_the_digest_of_the_code_is_that_of_what_makes_numbers(folder):
    copy = shutil.copytree(PACKAGE, folder / "copy", ignore=shutil.ignore_patterns("__pycache__"))
    expected = code_digest()
    assert code_digest.__wrapped__(copy) == expected
    for name, same in (
        ("view/printing.py", True),
        ("commands/cli.py", True),
        ("store/files.py", False),
        ("errors.py", False),
    ):
        text = (copy / name).read_text()
        (copy / name).write_text(f"{text}\n")
        assert (code_digest.__wrapped__(copy) == expected) == same
        (copy / name).write_text(text)
