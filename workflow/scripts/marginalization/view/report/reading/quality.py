"""What tells whether a screen can be trusted: its backgrounds, p-values, checks, warnings and rates."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from ....store.paths import Results
from ....store.reading import read_table, whole_table
from ....store.schemas import BACKGROUNDS
from .amounts import rounded
from .screens import Screen

MOST_WARNINGS = 50

OF_RULES = {"attribute": "attributions", "ablate": "ablations", "mutate": "maps"}
"""What the jobs of other rules than `screen` are of."""


def quality(screen: Screen, provenance: dict[str, Any]) -> dict[str, Any]:
    """What tells whether the screen can be trusted."""
    records = {rule: read_records(screen.results, rule) for rule in ("screen", *OF_RULES)}
    return {
        "gc": rounded(read_table(screen.results.table("backgrounds"), BACKGROUNDS, ["gc"])["gc"].head(2000)),
        "unknown": _unknown_letters(screen.results),
        "backgrounds": provenance["counts"]["backgrounds"],
        "annotations_with_unknown_letters": provenance["counts"]["annotations_with_unknown_letters"],
        "quantiles": [
            {"view": view, "test": test, **points}
            for view, rows in enumerate(screen.views)
            for test, points in rows.quantiles.items()
        ],
        "checks": [line for rule, of_rule in records.items() for line in _how_run(rule, of_rule)],
        "warnings": _warnings(screen, records),
        "rates": [
            {"model": record["model"], "job": record["job"], "rate": round(record["marginals_per_second"])}
            for record in records["screen"]
            if record["marginals_per_second"]
        ],
    }


def read_records(results: Results, rule: str) -> list[dict[str, Any]]:
    """How the jobs of this plan went, which each of them wrote down; none are read of jobs of earlier plans."""
    return [json.loads(results.record(rule, *job).read_text()) for job in results.finished(rule)]


def _how_run(rule: str, records: list[dict[str, Any]]) -> list[str]:
    """How each model was run, and how far incremental inference was from full forward passes, in words."""
    lines = []
    for model in dict.fromkeys(record["model"] for record in records):
        of_model = [record for record in records if record["model"] == model]
        what = f"{model}, {OF_RULES[rule]}" if rule in OF_RULES else model
        ways: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for record in of_model:
            if "incremental" in record:
                way = "incremental inference" if record["incremental"] else f"full forward passes: {record['reason']}"
                ways[way].append(record)
        for way, jobs in sorted(ways.items()):
            line = f"{what}: {way}"
            if jobs[0]["incremental"]:
                if shares := [job["share"] for job in jobs if "share" in job]:
                    line += f", which leaves out {min(shares):.0%} of a forward pass"
                furthest = max(job["largest_difference"] for job in jobs)
                line += f"; the first results differ from full forward passes by {furthest:.1g} of an effect"
            lines.append(line + (f" ({len(jobs)} of {len(of_model)} jobs)" if len(of_model) > 1 else ""))
    return lines


def _warnings(screen: Screen, records: dict[str, list[dict[str, Any]]]) -> list[str]:
    """What was warned of: of each warning the first log that has it, and how many more have."""
    results = screen.results
    logs: dict[str, list[Path]] = defaultdict(list)
    for model in screen.config.models:
        for warning in json.loads(results.probe(model).read_text()).get("warnings", []):
            logs[warning].append(results.log("probe", model))
    for rule, of_rule in records.items():
        for record in of_rule:
            for warning in record["warnings"]:
                logs[warning].append(results.log(rule, record["model"], record["job"]))
    lines = [
        f"{paths[0].relative_to(results.folder)}{f' and {len(paths) - 1} more' if len(paths) > 1 else ''}: {warning}"
        for warning, paths in logs.items()
    ]
    more = len(lines) - MOST_WARNINGS
    return lines[:MOST_WARNINGS] + ([f"{more:,} more are in the logs"] if more > 0 else [])


def _unknown_letters(results: Results) -> int:
    """How many N the backgrounds have."""
    path = results.table("backgrounds")
    with whole_table(path), pq.ParquetFile(path, page_checksum_verification=True) as file:
        batches = file.iter_batches(1000, columns=["sequence"])
        return sum(pc.sum(pc.count_substring(batch["sequence"], "N")).as_py() or 0 for batch in batches)
