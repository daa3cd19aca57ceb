"""What the report shows of a screen, read from its results folder into values that JSON can hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ..reading import read_table
from ..results import KEYS
from ..tables import ELEMENTS, MOTIFS
from .charts import UNITS
from .details import attributions, details, profiles, scan
from .figures import short
from .quality import quality
from .screens import NUMBERS, Screen, read_screen, rounded, rows_of, scale_in, values_of
from .similarity import groups_of, motif_classes

HEAT_MAP_ROWS = 40
MOST_PAIRS = 5000


def gather(results: Path) -> dict[str, Any]:
    """All that the page shows."""
    provenance = json.loads((results / "provenance.json").read_text())
    screen = read_screen(results, provenance["config"])
    return {
        "facts": facts(screen, provenance),
        "views": views(screen),
        "elements": elements(screen),
        "effects": effects(screen),
        "details": details(screen),
        "scan": scan(screen),
        "profiles": profiles(screen),
        "attributions": attributions(screen),
        "pairs": pairs(screen),
        "heatMap": heat_map(screen),
        "quality": quality(screen, provenance),
    }


def facts(screen: Screen, provenance: dict[str, Any]) -> dict[str, Any]:
    """What was screened, with what, and when."""
    counts = provenance["counts"]
    config = screen.config
    seconds = sum(time or 0 for jobs in provenance["wall_seconds"].values() for time in jobs.values())
    return {
        "screen": config["screen"],
        "models": list(config["models"]),
        "groups": config["groups"],
        "n_elements": counts["elements"],
        "n_motifs": counts["motifs"],
        "n_annotations": counts["annotations"],
        "n_controls": counts["controls"],
        "n_backgrounds": counts["backgrounds"]["kept"] * config["backgrounds"]["copies"],
        "length": config["backgrounds"]["length"],
        "strands": config["placement"]["strands"],
        "seed": config["seed"],
        "level": config["elements"].get("controls", {}).get("level"),
        "version": provenance["marginalization"],
        "commit": provenance["commit"],
        "packages": provenance["packages"],
        "devices": provenance["devices"],
        "hours": seconds / 3600,
        "command": provenance["command"],
        "folder": str(screen.results),
        "shown": len(screen.shown),
        "detailed": len(screen.detailed),
    }


def views(screen: Screen) -> list[dict[str, Any]]:
    """Each model (or group), readout and target: its scale, its controls' range, and the verdict in words."""
    columns = ["element_id", "name", "kind", "effect_mean", "significant", "rank"]
    found = []
    for row in screen.views.itertuples():
        controls = values_of(screen, row, "effect_mean", pc.field("kind") == "control")
        screened = rows_of(screen, row, columns, pc.field("rank").is_valid()).to_pandas()
        scale = scale_in(screen.config, row.readout)
        band = [float(x) for x in np.quantile(controls, [0.025, 0.975])] if len(controls) else None
        found.append(
            {
                "model": row.model,
                "readout": row.readout,
                "target": row.target,
                "label": " · ".join(dict.fromkeys([row.model, row.readout, row.target])),
                "unit": UNITS[scale.name],
                "neutral": scale.neutral,
                "band": rounded(band),
                "verdict": _verdict(screened, screen.config),
            }
        )
    return found


def _verdict(screened: pd.DataFrame, config: dict[str, Any]) -> str:
    """The answer for one view in a sentence."""
    by_element = screened.sort_values("rank").groupby("element_id", sort=False, observed=True)
    first = by_element.first()
    top = first.iloc[0]
    strongest = f"the strongest is {short(top['name'])} ({top['effect_mean']:+.3g})"
    if "controls" not in config["elements"]:
        return f"{len(first):,} elements, without controls to judge them by; {strongest}."
    significant = by_element["significant"].any()
    parts = []
    for kind in ("motif", "annotation"):
        of_kind = significant[(first["kind"] == kind).to_numpy()]
        if len(of_kind):
            parts.append(f"{int(of_kind.sum()):,} of {len(of_kind):,} {kind} sequences")
    level = config["elements"]["controls"]["level"]
    return f"{' and '.join(parts)} do more than their shuffles (control_q < {level:g}); {strongest}."


def elements(screen: Screen) -> list[dict[str, Any]]:
    """The elements shown, with the matrix and the class of the first motif that each is."""
    rows = screen.summary.drop_duplicates("element_id").set_index("element_id").loc[screen.shown]
    table = read_table(
        screen.results / "elements.parquet",
        ELEMENTS,
        columns=["element_id", "source"],
        rows=("element_id", lambda ids: pc.is_in(ids, pa.array(screen.shown))),
    ).set_index("element_id")["source"]
    motifs = read_table(screen.results / "motifs.parquet", MOTIFS)
    motifs = motifs[motifs["element_id"].isin(screen.shown)].drop_duplicates("element_id").set_index("element_id")
    classes = motif_classes(motifs["name"].tolist(), screen.config)
    found = []
    for element_id, row in rows.iterrows():
        motif = motifs.loc[element_id] if element_id in motifs.index else None
        matrix = None if motif is None or motif["matrix"] is None else np.stack(motif["matrix"]).round(3).tolist()
        found.append(
            {
                "id": element_id,
                "name": row["name"],
                "kind": row["kind"],
                "sequence": row["sequence"],
                "source": table.get(element_id),
                "matrix": matrix,
                **classes.get(None if motif is None else motif["name"], {}),
            }
        )
    return found


def effects(screen: Screen) -> dict[str, list[Any]]:
    """Columns, a row for each view, element shown and strand, at the start where the element does most."""
    table = screen.places
    columns = {"view": table["view"], "element": table["element_id"].map(screen.index), "strand": table["strand"]}
    columns |= {"start": table["start"], **{name: table[column] for name, column in NUMBERS.items()}}
    return {name: rounded(values) for name, values in columns.items()}


def pairs(screen: Screen) -> list[dict[str, Any]]:
    """The cooperativity of pairs of motifs by distance, on the forward strand at the first start."""
    path = screen.results / "cooperativity.parquet"
    if not path.is_file() or not screen.config["elements"]["pairs"]:
        return []
    table = pd.read_parquet(path).astype(dict.fromkeys([*KEYS, "strand", "orientation"], str))
    table = table[table["strand"] == table["strand"].min()]
    table = table[table["start"].groupby(table["pair_id"]).transform("min") == table["start"]]
    table["view"] = table.merge(screen.views.reset_index(), on=KEYS)["index"].to_numpy()
    columns = {"value": "cooperativity", "low": "cooperativity_ci_low", "high": "cooperativity_ci_high"}
    return [
        {
            "view": int(row["view"]),
            "pair": f"{row['first']} and {row['second']}",
            "distance": int(row["distance"]),
            "orientation": row["orientation"],
            **{name: rounded(row[column]) for name, column in columns.items()},
            "q": rounded(row["q_value"]),
        }
        for row in table.head(MOST_PAIRS).to_dict("records")
    ]


def heat_map(screen: Screen) -> list[dict[str, Any]]:
    """The strongest elements on every view, those of like motifs together, each column over its largest effect."""
    rows = screen.places.sort_values("rank").drop_duplicates(["view", "element_id"])
    # Of sites that share a name the strongest.
    some = rows.drop_duplicates("name")["element_id"].drop_duplicates().head(HEAT_MAP_ROWS).tolist()
    rows = rows[rows["element_id"].isin(some)]
    neutral = [scale_in(screen.config, readout).neutral for readout in screen.views["readout"]]
    rows = rows.assign(distance=rows["effect_mean"] - np.array(neutral)[rows["view"]])
    wide = rows.pivot(index="element_id", columns="view", values="distance").loc[some]
    wide = wide / wide.abs().max()
    motifs = read_table(screen.results / "motifs.parquet", MOTIFS).drop_duplicates("element_id").set_index("element_id")
    groups = groups_of(some, motifs["matrix"], wide.fillna(0).to_numpy())
    cells = []
    by_cell = rows.set_index(["element_id", "view"])
    names = rows.drop_duplicates("element_id").set_index("element_id")["name"]
    for element_id, group in groups:
        for view in wide.columns:
            cell = by_cell.loc[(element_id, view)]
            cells.append(
                {
                    "name": short(names[element_id]),
                    "view": int(view),
                    "value": rounded(wide.loc[element_id, view]),
                    "effect": rounded(cell["effect_mean"]),
                    "q": rounded(cell["control_q"]),
                    "group": group if group is None else short(names[group]),
                }
            )
    return cells
