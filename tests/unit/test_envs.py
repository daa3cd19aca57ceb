"""The lock and the rules' conda environments hold what pyproject.toml asks for."""

import itertools
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
LOCK = [Requirement(line) for line in (PROJECT / "requirements.lock").read_text().splitlines()]
OF_OTHER_ENVIRONMENTS = ("bigwig", "docs", "export")
"""Extras that tests install into environments of their own; anndata needs an older pandas than the lock has."""
ENVIRONMENTS = sorted((PROJECT / "envs").glob("*.yaml"))


def test_every_environment_has_the_packages_pins():
    assert [path.name for path in ENVIRONMENTS] == ["marginalization.yaml"]
    dependencies = yaml.safe_load(ENVIRONMENTS[0].read_text())["dependencies"]
    from_pip = next(entry["pip"] for entry in dependencies if isinstance(entry, dict))
    extras = PYPROJECT["optional-dependencies"]
    lines = PYPROJECT["dependencies"] + extras["attributions"] + extras["report"]
    asked = {Requirement(line).name: Requirement(line).specifier for line in lines}
    asked["torch"] = next(locked.specifier for locked in LOCK if locked.name == "torch")
    assert {Requirement(line).name: Requirement(line).specifier for line in from_pip} == asked
    assert len(from_pip) == len(asked) > 5


def test_the_lock_has_one_version_within_the_range_of_each_package():
    locked = {canonicalize_name(requirement.name): requirement for requirement in LOCK}
    assert len(locked) == len(LOCK)
    for requirement in LOCK:
        (pin,) = requirement.specifier
        assert (pin.operator, requirement.url, requirement.marker) == ("==", None, None)
        assert "+" not in pin.version  # the build for CUDA and the one for the CPU alone are one version
    extras = PYPROJECT["optional-dependencies"].items()
    of_this_environment = (lines for name, lines in extras if name not in OF_OTHER_ENVIRONMENTS)
    lines = [*PYPROJECT["dependencies"], *itertools.chain(*of_this_environment)]
    for asked in map(Requirement, lines):
        if asked.name != PYPROJECT["name"]:
            (pin,) = locked[canonicalize_name(asked.name)].specifier
            assert asked.specifier.contains(pin.version), asked


def test_the_lock_leaves_open_what_only_torchs_build_for_cuda_needs():
    assert not [locked for locked in LOCK if locked.name.startswith(("cuda", "nvidia", "triton"))]


def test_the_tests_compare_with_the_tangermeme_that_attributes():
    assert set(PYPROJECT["optional-dependencies"]["attributions"]) <= set(PYPROJECT["optional-dependencies"]["test"])


def test_the_environments_python_is_one_that_the_package_takes():
    dependencies = yaml.safe_load(ENVIRONMENTS[0].read_text())["dependencies"]
    (python,) = (entry for entry in dependencies if isinstance(entry, str) and entry.startswith("python="))
    assert python.removeprefix("python=") in SpecifierSet(PYPROJECT["requires-python"])


def test_the_rules_use_these_environments():
    rules = "".join(path.read_text() for path in (PROJECT / "workflow" / "rules").glob("*.smk"))
    assert rules.count("conda:") == rules.count("../../envs/marginalization.yaml") > 0
