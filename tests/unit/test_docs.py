"""The docs are true: their examples come out as printed, what they name exists, and the version is one everywhere."""

import ast
import doctest
import os
import re
import sys
import tomllib
from pathlib import Path
from pkgutil import resolve_name

import marginalization
import pytest
import torch
import yaml
from marginalization import marginalize_motifs, one_hot_encode
from test_architecture import CORE, ORDER, SUBPACKAGES
from torch import nn

PROJECT = Path(__file__).parents[2]
ARCHITECTURE = (PROJECT / "docs" / "architecture.md").read_text()
CHARTERS = {name: ast.get_docstring(ast.parse((SUBPACKAGES[name] / "__init__.py").read_text())) for name in ORDER}


def test_the_example_of_how_it_works():
    text = (PROJECT / "docs" / "how-it-works.md").read_text()
    text = re.sub(r"^ *```.*$", "", text, flags=re.MULTILINE)  # would be output that is expected
    example = doctest.DocTestParser().get_doctest(text, {}, "how-it-works.md", None, 0)
    assert len(example.examples) > 40
    assert doctest.DocTestRunner().run(example).failed == 0


def exists(name):
    """Whether a name of the docs is a path of the project or the core, or what a dotted name of the core leads to."""
    if (PROJECT / name).exists() or (CORE / name).exists():
        return True
    try:
        return resolve_name(f"marginalization.{name}") is not None
    except (ImportError, AttributeError, ValueError):
        return False


def test_what_architecture_names_exists():
    quoted = re.findall(r"`([\w./-]+)`", ARCHITECTURE)
    folders = "|".join(sorted({name.split(".")[0] for name in ORDER}))
    dotted = re.findall(rf"(?<![\w./])(?:{folders})(?:\.\w+)+", ARCHITECTURE)
    first = {first for _, first in table_of_subpackages().values()}  # within their folders: see below
    assert not [name for name in {*quoted, *dotted} - first - {"_"} if not exists(name)]
    assert len(dotted) > 20
    assert not exists("inference.streams.no_such_function")


def table_of_subpackages():
    """The rows of the table: by subpackage, its charter and the file to open first."""
    rows = re.findall(r"^\| `([\w/]+)` \| (.+) \| `(\w+\.py)` \|$", ARCHITECTURE, re.MULTILINE)
    return {subpackage.replace("/", "."): (charter, first) for subpackage, charter, first in rows}


def test_the_table_of_subpackages_is_that_of_their_charters():
    assert list(table_of_subpackages()) == ORDER
    for name, (charter, first) in table_of_subpackages().items():
        assert CHARTERS[name].splitlines()[0] == charter
        assert f"Open first: `{first}`" in CHARTERS[name]


@pytest.mark.parametrize("subpackage", ORDER)
def test_files_that_a_charter_names_are_there(subpackage):
    for name in re.findall(r"`(\w+\.py|\w+/)`", CHARTERS[subpackage]):
        assert (SUBPACKAGES[subpackage] / name).exists(), name


def test_the_longest_call_is_as_architecture_tells(monkeypatch):
    stacks = []
    product = torch.addmm

    def looked_at(*args, **kwargs):
        frame, stack = sys._getframe(1), []
        while frame is not None:
            stack.append(f"{frame.f_globals.get('__name__')}.{frame.f_code.co_qualname}")
            frame = frame.f_back
        stacks.append([name.removeprefix("marginalization.") for name in reversed(stack)])
        return product(*args, **kwargs)

    monkeypatch.setattr(torch, "addmm", looked_at)
    layers = nn.Conv1d(4, 16, 3, padding=1), nn.ReLU(), nn.Conv1d(16, 16, 3, padding=2, dilation=2)
    marginalize_motifs(nn.Sequential(*layers), one_hot_encode(["ACGT" * 10] * 2), ["GATA", "CCC"], incremental=True)
    told = re.findall(r"^\d+\. `([\w.]+)`", ARCHITECTURE, re.MULTILINE)
    assert len(told) > 5
    left = iter(stacks[-1])
    assert all(name in left for name in told), stacks[-1]  # in this order


def test_the_version_is_one_everywhere():
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    cited = yaml.safe_load((PROJECT / "CITATION.cff").read_text())
    newest = re.search(r"^## (\d\S*)", (PROJECT / "CHANGELOG.md").read_text(), re.MULTILINE).group(1)
    workflow = re.search(
        r'^VERSION = "(.+?)"', (PROJECT / "workflow/rules/common.smk").read_text(), re.MULTILINE
    ).group(1)
    assert {project["version"], str(cited["version"]), newest, workflow} == {marginalization.__version__}
    assert cited["license"] == project["license"]


def test_ci_has_the_oldest_python_that_is_supported():
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    steps = yaml.safe_load((PROJECT / ".github/workflows/ci.yml").read_text())["jobs"]["all"]["steps"]
    (python,) = (step["with"]["python-version"] for step in steps if "python-version" in step.get("with", {}))
    assert project["requires-python"] == f">={python}"
    assert os.access(PROJECT / steps[-1]["run"], os.X_OK)


@pytest.mark.parametrize("path", [*PROJECT.glob("*.md"), *PROJECT.glob("docs/*.md")], ids=lambda path: path.name)
def test_links_within_the_project_lead_somewhere(path):
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text()):
        assert (path.parent / link).exists(), link
