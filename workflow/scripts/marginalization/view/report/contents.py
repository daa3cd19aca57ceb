"""What the report shows of a screen, read from its results folder into values that JSON can hold."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ...config.sections import Config
from ...store.paths import Results
from ..quantities import signed
from ..results import KEYS, KINDS, PARTITIONS_CODE, View, by_view, has_number_names
from .charts import UNITS
from .figures import short
from .overview.found import across, floor, found, resolution
from .overview.lights import lights
from .overview.matrix import heat_map, motif_rows
from .overview.multiples import by_strand, volcanoes
from .reading.amounts import as_rows, rounded
from .reading.details import attributions, details, halves, maps, profiles, scan
from .reading.differing import differing
from .reading.quality import quality, read_records
from .reading.screens import Screen, read_screen, scale_in
from .reading.similarity import motif_classes
from .reading.tables.ablations import ablations, measured
from .reading.tables.differential import comparisons
from .reading.tables.loci import dependences, loci
from .reading.tables.pairs import arrangements, copies, pair_verdicts
from .reading.views import NUMBERS, ViewRows

MOST_PAIRS = 5000


def gather(results: Results) -> dict[str, Any]:
    """All that the page shows."""
    provenance = json.loads(results.provenance.read_text())
    screen = read_screen(results, Config.of(provenance["config"]))
    of_quality, apart = quality(screen, provenance), differing(screen)
    contents = {
        "facts": facts(screen, provenance),
        "views": views(screen),
        "elements": elements(screen),
        "effects": effects(screen),
        "differing": apart,
        "details": details(screen),
        "scan": scan(screen),
        "halves": halves(screen),
        "profiles": profiles(screen, apart),
        "attributions": attributions(screen),
        "maps": maps(screen),
        "pairs": pairs(screen),
        "pairVerdicts": pair_verdicts(screen),
        "arrangements": arrangements(screen),
        "copies": copies(screen),
        "ablations": ablations(screen),
        "measured": measured(screen),
        "loci": loci(screen),
        "dependences": dependences(screen),
        "comparisons": comparisons(screen),
        "heatMap": heat_map(screen),
        "quality": of_quality,
        "lights": lights(screen, of_quality, read_records(results, "screen")),
        "findings": found(screen),
        "across": across(screen) if len(screen.views) > 1 else "",
    }
    return {**contents, "volcanoes": volcanoes(contents, by_strand(contents))}


def facts(screen: Screen, provenance: dict[str, Any]) -> dict[str, Any]:
    """What was screened, with what, and when."""
    counts = provenance["counts"]
    config = screen.config
    seconds = sum(time or 0 for jobs in provenance["wall_seconds"].values() for time in jobs.values())
    return {
        "screen": config.screen,
        "models": list(config.models),
        "groups": config.groups,
        "n_elements": int(np.isin(screen.shown.kind, KINDS).sum()),
        "n_motifs": counts["motifs"],
        "n_annotations": counts["annotations"],
        "n_names": screen.shown.sites["name"].nunique(),
        "n_controls": counts["controls"],
        "n_backgrounds": counts["backgrounds"]["kept"] * config.backgrounds.copies,
        "length": config.length,
        "strands": config.placement.strands,
        "seed": config.seed,
        "level": config.elements.level,
        "version": provenance["marginalization"],
        "commit": provenance["commit"],
        "packages": provenance["packages"],
        "devices": provenance["devices"],
        "hours": seconds / 3600,
        "command": provenance["command"],
        "folder": str(screen.results),
        "shown": len(screen.shown.elements),
        "detailed": screen.shown.amounts.detailed,
        "kept": config.keep_effects == "all",
        "partitioning": PARTITIONS_CODE if has_number_names(config) else None,
        "n_views": screen.shown.n_views,
        "own": screen.shown.amounts.own,
        "everywhere": screen.shown.amounts.everywhere,
    }


def views(screen: Screen) -> list[dict[str, Any]]:
    """Each view shown: its scale, its controls' range, and the verdict in words."""
    labels = _labels(screen.shown.views)
    found = []
    for view, label, rows in zip(screen.shown.views, labels, screen.views, strict=True):
        scale = scale_in(screen.config, view[1])
        found.append(
            {
                **dict(zip(KEYS, view, strict=True)),
                "label": label,
                "unit": UNITS[scale.name].format(view[1]),
                "neutral": scale.neutral,
                "band": rounded(rows.band),
                "floor": rounded(floor(screen, rows, scale.neutral)),
                "answer": rows.answer,
                "counts": rows.counts,
                "acting": {kind: int((rows.acting["kind"] == kind).sum()) for kind in KINDS},
                "verdict": _verdict(screen, rows),
            }
        )
    return found


def _labels(views: list[View]) -> list[str]:
    """What to call views, without words that repeat unless two would be called the same."""
    brief = [" · ".join(dict.fromkeys(view)) for view in views]
    return brief if len(set(brief)) == len(brief) else [" · ".join(view) for view in views]


def _verdict(screen: Screen, rows: ViewRows) -> str:
    """The answer for one view in a sentence."""
    element_id, effect = rows.first
    strongest = f"the strongest is {short(screen.shown.elements.loc[element_id, 'name'])} ({signed(effect)})"
    controls = screen.config.elements.controls
    if controls is None:
        n = sum(n for n, _ in rows.counts.values())
        return f"{n:,} elements, without controls to judge them by; {strongest}."
    parts = [f"{found:,} of {n:,} {kind} sequences" for kind, (n, found) in rows.counts.items() if n]
    verdict = f"{' and '.join(parts)} do more than their shuffles (element_q < {controls.level:g})"
    if not rows.significant and (resolved := resolution(screen, rows)) and (limits := resolved.limits()):
        verdict = f"{verdict}; {limits}" if resolved.possible else limits.capitalize()
    return f"{verdict}; {strongest}."


def elements(screen: Screen) -> list[dict[str, Any]]:
    """The elements shown, with the matrix and the class of the first motif that each is."""
    motifs = motif_rows(screen.results, screen.shown.elements.index.tolist())
    classes = motif_classes(motifs["name"].tolist(), screen.config)
    found = []
    by_id = motifs.to_dict("index")
    for row in screen.shown.elements.reset_index().to_dict("records"):
        element_id, motif = row["element_id"], by_id.get(row["element_id"])
        found.append(
            {
                "id": element_id,
                "name": row["name"],
                "kind": row["kind"],
                "sequence": row["sequence"],
                "source": row["source"],
                "matrix": None if motif is None else matrix_of(motif["matrix"]),
                **({} if motif is None else classes.get(motif["name"], {})),
            }
        )
    return found


def matrix_of(matrix: Sequence[np.ndarray] | None) -> list[list[float]] | None:
    """The frequencies of a motif's matrix, (width, 4), as a logo is drawn from them."""
    return None if matrix is None else np.stack(matrix).round(3).tolist()


def effects(screen: Screen) -> dict[str, list[Any]]:
    """Columns, a row for each view, element and strand, at the start where the element does most."""
    table = screen.places
    columns = {name: table[name] for name in ("view", "element", "strand", "start")}
    columns |= {name: table[column] for name, column in NUMBERS.items()}
    if columns["percentile"].isna().all():
        del columns["percentile"]
    return {name: rounded(values) for name, values in columns.items()}


def pairs(screen: Screen) -> list[dict[str, Any]]:
    """The cooperativity of pairs of motifs by distance, on the forward strand at the first start."""
    path = screen.results.table("cooperativity")
    if not path.is_file() or not screen.config.elements.pairs:
        return []
    columns = {"value": "cooperativity", "low": "cooperativity_ci_low", "high": "cooperativity_ci_high"}
    columns["q"] = "q_value"
    keys = ["first", "second", "distance", "orientation"]
    number = {view: i for i, view in enumerate(screen.shown.views)}
    found = []
    for view, rows in by_view(path, ["pair_id", "strand", "start", *keys, *columns.values()], number.__contains__):
        table = rows.to_pandas().astype({"strand": str, "orientation": str})
        table = table[table["strand"] == table["strand"].min()]
        table = table[table["start"].groupby(table["pair_id"]).transform("min") == table["start"]]
        found.append(table.head(MOST_PAIRS).assign(view=number[view]))
    table = pd.concat(found)
    table["pair"] = table["first"] + " and " + table["second"]
    # All views of a pair before the next one.
    table["order"] = table["pair"].map({pair: i for i, pair in enumerate(table["pair"].unique())})
    table = table.sort_values("order", kind="stable").head(MOST_PAIRS).sort_values("view", kind="stable")
    columns = {**{name: name for name in ("view", "pair", "distance", "orientation")}, **columns}
    values = {name: rounded(table[column]) for name, column in columns.items()}
    return as_rows(values)
