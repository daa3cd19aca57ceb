"""The house: subpackages import only from those below them, and none grows beyond what one look takes in."""

import ast
import importlib
import os
import subprocess
import sys
from pathlib import Path

import marginalization
import pytest

CORE = Path(marginalization.__file__).parent
ORDER = [
    "sequences",
    "statistics",
    "store",
    "inputs",
    "packages",
    "config.sections",
    "config",
    "design",
    "models.networks",
    "models",
    "inference.incremental.rules",
    "inference.incremental.rules.shapes",
    "inference.incremental.gaps",
    "inference.incremental.graphs",
    "inference.incremental",
    "inference.soundness",
    "inference",
    "probing",
    "jobs",
    "merging.derived",
    "merging",
    "maps",
    "view",
    "view.report.reading",
    "view.report.reading.tables",
    "view.report.overview",
    "view.report",
    "view.several",
    "commands.shared",
    "commands",
    "stages",
]
"""Each may import from those before it, from its own modules, and from the package's own modules."""
SUBPACKAGES = {
    ".".join(path.parent.relative_to(CORE).parts): path.parent
    for path in CORE.rglob("__init__.py")
    if path.parent != CORE
}


def subpackage_of(module):
    """The innermost subpackage that a module of the package lies in, `""` for the package itself."""
    parts = module.split(".")
    return next((".".join(parts[:i]) for i in range(len(parts), 0, -1) if ".".join(parts[:i]) in SUBPACKAGES), "")


def imported_modules(path):
    """The modules of the package that a file of it imports from."""
    package = path.relative_to(CORE).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            above = package[: len(package) - node.level + 1]
            base = [*above, *(node.module.split(".") if node.module else [])]
            for alias in node.names:
                module = CORE.joinpath(*base, alias.name)
                yield ".".join([*base, alias.name] if module.with_suffix(".py").exists() else base)


def test_every_subpackage_has_its_place_and_its_charter():
    assert sorted(SUBPACKAGES) == sorted(ORDER)
    for folder in SUBPACKAGES.values():
        assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text()))


@pytest.mark.parametrize("subpackage", ORDER)
def test_a_subpackage_imports_only_from_those_before_it(subpackage):
    allowed = {"", *ORDER[: ORDER.index(subpackage) + 1]}
    for path in SUBPACKAGES[subpackage].glob("*.py"):
        reached = {subpackage_of(module) for module in imported_modules(path)}
        assert reached <= allowed, f"{path.name} imports from {sorted(reached - allowed)}"


@pytest.mark.parametrize("folder", [CORE, *SUBPACKAGES.values()], ids=lambda folder: folder.name)
def test_a_folder_holds_no_more_than_nine_modules(folder):
    assert len([path for path in folder.glob("*.py") if path.name != "__init__.py"]) <= 9


@pytest.mark.parametrize("path", sorted(CORE.rglob("*.py")), ids=lambda path: str(path.relative_to(CORE)))
def test_modules_and_functions_are_short(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 60, node.name


SUITES = "benchmark", "zoo", "real", "chaos", "browser"
"""Folders of tests that are not run with the fast ones."""


@pytest.mark.parametrize("suite", SUITES)
def test_what_slow_suites_import_is_there(suite):
    for path in Path(__file__).parents[1].joinpath(suite).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "marginalization":
                module = importlib.import_module(node.module)
                assert all(hasattr(module, alias.name) for alias in node.names), f"{path}:{node.lineno}"


def test_a_job_imports_no_more_than_it_needs():
    """What takes seconds at each of a screen's jobs: torch for shards alone, scipy's tests for tables alone."""
    tables = "from marginalization.stages import derived, inputs, merge, report\nassert 'torch' not in sys.modules\n"
    shards = "from marginalization.stages import screen\nassert 'scipy.stats' not in sys.modules\n"
    environment = {**os.environ, "PYTHONPATH": str(CORE.parent)}
    subprocess.run([sys.executable, "-c", f"import sys\n{tables}{shards}"], check=True, env=environment)
