"""Provenance: what a screen was made from, and how to make it again."""

from __future__ import annotations

import platform
import subprocess
from collections import Counter
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from typing import Any

from .. import __version__
from ..config.attributions import callables
from ..config.checks import config_hash
from ..config.dependencies import code_digest, code_file
from ..config.sections import Config
from ..store.files import read_facts, sha256
from ..store.paths import Results

PACKAGES = [
    "torch",
    "numpy",
    "pandas",
    "scipy",
    "pyarrow",
    "pyfaidx",
    "biopython",
    "pyjaspar",
    "safetensors",
    "snakemake",
]


def facts(config: dict[str, Any], files: Iterable[str] = (), parts: Iterable[str] = ()) -> dict[str, Any]:
    """The facts in the metadata of every table: they are the same whenever the screen is run again.

    Args:
        config: as resolved, and as Snakemake has it.
        files: inputs and models, whose SHA-256 to give.
        parts: files of shards that the table is merged from, whose makers to name.
    """
    found = {
        "screen": config["screen"],
        "config_sha256": config_hash(config),
        "seed": config["seed"],
        **made_by(),
        "inputs": {path: sha256(path) for path in sorted(files)},
        "packages": packages(_of_the_lab(config)),
    }
    return {**found, "computed_by": computed_by(parts)} if parts else found


def made_by() -> dict[str, Any]:
    """Which version, commit and code of this package make what is made now."""
    return {"marginalization": __version__, "commit": commit(), "code": code_digest()}


def computed_by(paths: Iterable[str]) -> list[dict[str, Any]]:
    """By which version, commit and code the files of shards were computed, and how many by each; sorted."""
    makers = list(made_by())
    found = Counter(tuple(read_facts(path).get(key) for key in makers) for path in paths)
    return [dict(zip(makers, made, strict=True), files=n) for made, n in sorted(found.items(), key=str)]


def packages(others: Iterable[str] = ()) -> dict[str, str]:
    """Versions of Python and of the packages that a result depends on; of `others`, by what they are imported as."""
    found = {"python": platform.python_version()}
    distributions = packages_distributions() if others else {}
    for package in [*PACKAGES, *sorted({of for other in others for of in distributions.get(other, ())})]:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _of_the_lab(config: dict[str, Any]) -> set[str]:
    """The packages that the config's models, readouts and attributions are of, by what they are imported as."""
    return {
        reference.partition(":")[0].partition(".")[0]
        for reference in callables(Config.of(config))
        if not code_file(reference)
    }


def commit() -> str | None:
    """The git commit of this code, with `-dirty` when its files differ from it; None outside a checkout of it."""
    git = ["git", "-C", str(Path(__file__).parent)]
    try:
        subprocess.run([*git, "ls-files", "--error-unmatch", __file__], capture_output=True, check=True)
        described = [*git, "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"]
        return subprocess.run(described, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def wall_seconds(benchmark: Path) -> float | None:
    """The wall time of a job, in seconds, from the file that Snakemake's `benchmark` wrote; None without one."""
    if not benchmark.is_file():
        return None
    header, values = benchmark.read_text().splitlines()[:2]
    return float(dict(zip(header.split("\t"), values.split("\t"), strict=True))["s"])


def devices(results: Results, dataset: str, model: str, jobs: Iterable[str]) -> list[str]:
    """The names of the devices that a model's jobs ran on, from the metadata of what they kept of effects."""
    return sorted({read_facts(results.parts(dataset, model, job=job)[0])["device"] for job in jobs})
