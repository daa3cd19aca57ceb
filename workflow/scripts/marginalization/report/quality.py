"""What tells whether a screen can be trusted: its backgrounds, p-values, checks, warnings and rates."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from ..reading import read_table
from ..tables import BACKGROUNDS
from .screens import Screen, rounded, values_of

QUANTILES = 200


def quality(screen: Screen, provenance: dict[str, Any]) -> dict[str, Any]:
    """What tells whether the screen can be trusted."""
    backgrounds = read_table(screen.results / "backgrounds.parquet", BACKGROUNDS, columns=["gc", "sequence"])
    logs = {str(path.relative_to(screen.results)): _lines(path) for path in sorted(screen.results.rglob("*.log"))}
    return {
        "gc": rounded(backgrounds["gc"].head(2000)),
        "unknown": int(backgrounds["sequence"].str.count("N").sum()),
        "backgrounds": provenance["counts"]["backgrounds"],
        "annotations_with_unknown_letters": provenance["counts"]["annotations_with_unknown_letters"],
        "quantiles": [
            {"view": view, "test": name, **_against_uniform(p)}
            for view, row in enumerate(screen.views.itertuples())
            for column, name in (("control_p", "against controls"), ("p_value", "over backgrounds"))
            if len(p := values_of(screen, row, column, pc.field("rank").is_valid()))
        ],
        "checks": sorted({line for lines in logs.values() for line in lines if "first results" in line}),
        "warnings": [f"{path}: {line}" for path, lines in logs.items() for line in lines if line.startswith("WARNING")],
        "rates": _rates(logs),
    }


def _against_uniform(p: np.ndarray) -> dict[str, list[float]]:
    """-log10 of sorted p-values and of what a uniform distribution would give, at some of the ranks."""
    observed = np.sort(p)
    n = len(observed)
    ranks = np.unique(np.r_[np.arange(min(n, 50)), np.geomspace(1, n, QUANTILES).astype(int) - 1])
    expected = (ranks + 0.5) / n
    return {
        "expected": rounded(-np.log10(expected)),
        "observed": rounded(-np.log10(np.maximum(observed[ranks], 1e-300))),
    }


def _rates(logs: dict[str, list[str]]) -> list[dict[str, Any]]:
    """Marginals per second of each job, as its log says."""
    found = []
    for path, lines in logs.items():
        for line in lines:
            if match := re.search(r"marginals by (\S+) on .*?, (\d+) marginals per second", line):
                found.append({"model": match[1], "job": Path(path).stem, "rate": int(match[2])})
    return found


def _lines(path: Path) -> list[str]:
    """The lines of a log that the package logged, without their times."""
    text = path.read_text(errors="replace").replace("\r", "\n")
    found = re.finditer(r"^[\d-]+ [\d:,]+ (?:INFO |(?=WARNING))(.*)$", text, re.MULTILINE)
    return [match[1] for match in found]
