"""Provenance: what a screen was made from, and how to make it again."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from . import __version__
from .config import config_hash
from .tables import read_facts

PACKAGES = [
    "torch",
    "numpy",
    "pandas",
    "scipy",
    "pyarrow",
    "biopython",
    "pyjaspar",
    "safetensors",
    "snakemake",
]


def facts(config: dict[str, Any], files: Iterable[str] = ()) -> dict[str, Any]:
    """The facts that stand in the metadata of every table: they are the same whenever the screen is run again.

    Args:
        config: as resolved.
        files: inputs and models, whose SHA-256 to give.
    """
    return {
        "screen": config["screen"],
        "config_sha256": config_hash(config),
        "seed": config["seed"],
        "marginalization": __version__,
        "commit": commit(),
        "inputs": {path: sha256(path) for path in sorted(files)},
        "packages": packages(),
    }


def packages() -> dict[str, str]:
    """Versions of Python and of the packages that a result depends on."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def commit() -> str | None:
    """The git commit of this code, with `-dirty` when its files differ from it; None outside a checkout of it."""
    git = ["git", "-C", str(Path(__file__).parent)]
    try:
        subprocess.run([*git, "ls-files", "--error-unmatch", __file__], capture_output=True, check=True)
        described = [*git, "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"]
        return subprocess.run(described, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def sha256(path: str) -> str:
    """SHA-256 of a file, in hex."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def wall_seconds(benchmark: str) -> float | None:
    """The wall time of a job, in seconds, from the file that Snakemake's `benchmark` wrote; None without one."""
    if not Path(benchmark).is_file():
        return None
    header, values = Path(benchmark).read_text().splitlines()[:2]
    return float(dict(zip(header.split("\t"), values.split("\t"), strict=True))["s"])


def devices(results: Path, model: str, jobs: Iterable[str]) -> list[str]:
    """The names of the devices that a model's jobs ran on, from the metadata of their effects."""
    folder = results / "effects" / f"model={model}"
    return sorted({read_facts(next(folder.glob(f"readout=*/{job}.parquet")))["device"] for job in jobs})
