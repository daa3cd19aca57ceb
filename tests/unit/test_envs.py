"""The rules' conda environments hold what pyproject.toml asks for."""

import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

PROJECT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
ENVIRONMENTS = sorted((PROJECT / "envs").glob("*.yaml"))


def test_every_environment_has_the_packages_pins():
    assert [path.name for path in ENVIRONMENTS] == ["marginalization.yaml"]
    dependencies = yaml.safe_load(ENVIRONMENTS[0].read_text())["dependencies"]
    from_pip = next(entry["pip"] for entry in dependencies if isinstance(entry, dict))
    extras = PYPROJECT["optional-dependencies"]
    lines = PYPROJECT["dependencies"] + extras["attributions"] + extras["report"]
    asked = {Requirement(line).name: Requirement(line).specifier for line in lines}
    assert {Requirement(line).name: Requirement(line).specifier for line in from_pip} == asked
    assert len(from_pip) == len(asked) > 5


def test_the_tests_compare_with_the_tangermeme_that_attributes():
    assert set(PYPROJECT["optional-dependencies"]["attributions"]) <= set(PYPROJECT["optional-dependencies"]["test"])


def test_the_environments_python_is_one_that_the_package_takes():
    dependencies = yaml.safe_load(ENVIRONMENTS[0].read_text())["dependencies"]
    (python,) = (entry for entry in dependencies if isinstance(entry, str) and entry.startswith("python="))
    assert python.removeprefix("python=") in SpecifierSet(PYPROJECT["requires-python"])


def test_the_rules_use_these_environments():
    rules = "".join(path.read_text() for path in (PROJECT / "workflow" / "rules").glob("*.smk"))
    assert rules.count("conda:") == rules.count("../../envs/marginalization.yaml") > 0
