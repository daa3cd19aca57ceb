"""Where the workflow and the demo lie: in a clone around this package, in an installed one within it."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parents[2]


def root() -> Path:
    """The folder that holds the Snakefile, workflow/ and config/."""
    bundled = PACKAGE / "bundled"
    return bundled if bundled.is_dir() else PACKAGE.parents[2]


def snakefile() -> Path:
    return root() / "Snakefile"


def schema() -> Path:
    """Of a config."""
    return root() / "workflow" / "schemas" / "config.schema.yaml"


def profile(name: str) -> Path:
    """Of Snakemake."""
    return root() / "workflow" / "profiles" / name
