"""What the report shows of a screen, read from its results folder into values that JSON can hold.

The strongest elements are shown, by their best rank on any target: `MOST_ELEMENTS` in the table, and as many of them as
`MOST_NUMBERS` allows with what is known of each background, control and position. Numbers are rounded, to keep the
report small; the tables hold them all.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from ..config import readouts_of
from ..results import KEYS
from ..scales import Scale, scale_of
from .charts import UNITS
from .figures import short
from .similarity import groups_of, motif_classes

MOST_ELEMENTS = 5000
MOST_DETAILS = 1000
MOST_NUMBERS = 400_000
"""Of details, for each of: effects by background, by control, profiles, positions, and attributions."""
MOST_BACKGROUNDS = 100
HEAT_MAP_ROWS = 40
MOST_PAIRS = 5000
QUANTILES = 200
PROFILE_FLANK = 100

NUMBERS = {
    "effect": "effect_mean",
    "low": "effect_ci_low",
    "high": "effect_ci_high",
    "z": "control_z",
    "q": "control_q",
    "significant": "significant",
    "agree": "n_models_agree",
    "n_models": "n_models",
}


class Screen(NamedTuple):
    """A results folder, and what is read of it more than once.

    Fields:
        results: the folder.
        config: as resolved.
        summary: rows of elements that are no controls.
        views: a row for each model (or group), readout and target, in the order of the summary.
        shown: the element_ids in the report, strongest first.
        detailed: the first of these, with details.
        index: where each of `shown` stands in it.
        places: of the summary's rows, for each view, element and strand that at the start with the best rank.
    """

    results: Path
    config: dict[str, Any]
    summary: pd.DataFrame
    views: pd.DataFrame
    shown: list[str]
    detailed: list[str]
    index: dict[str, int]
    places: pd.DataFrame


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


def read_screen(results: Path, config: dict[str, Any]) -> Screen:
    """The summary but for controls, and which elements to show."""
    columns = [*KEYS, "element_id", "strand", "start", "name", "kind", "sequence", "n_backgrounds"]
    columns += [*NUMBERS.values(), "rank", "p_value", "control_p"]
    dataset = ds.dataset(results / "summary.parquet")
    ranked = dataset.to_table(["element_id", "rank"], filter=pc.field("rank").is_valid())
    best = ranked.group_by("element_id").aggregate([("rank", "min")]).to_pandas()
    shown = best.sort_values(["rank_min", "element_id"])["element_id"].head(MOST_ELEMENTS).tolist()
    table = dataset.to_table(columns, filter=pc.field("element_id").isin(shown))
    summary = table.to_pandas().astype(dict.fromkeys([*KEYS, "strand", "kind"], str))
    found = summary[KEYS].drop_duplicates(ignore_index=True)
    summary["view"] = summary.merge(found.reset_index(), on=KEYS)["index"].to_numpy()
    n_strands = summary["strand"].nunique()
    each = len(found) * n_strands * min(MOST_BACKGROUNDS, int(summary["n_backgrounds"].iloc[0]))
    detailed = shown[: min(MOST_DETAILS, _room(each))]
    index = {element_id: i for i, element_id in enumerate(shown)}
    order = summary.sort_values(["view", "element_id", "strand", "rank"], kind="stable")
    places = order.drop_duplicates(["view", "element_id", "strand"])
    return Screen(results, config, summary, found, shown, detailed, index, places)


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
        controls = _values(screen, row, "effect_mean", pc.field("kind") == "control")
        screened = _rows(screen, row, columns, pc.field("rank").is_valid()).to_pandas()
        scale = _scale(screen.config, row.readout)
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
    table = pd.read_parquet(
        screen.results / "elements.parquet",
        columns=["element_id", "source"],
        filters=[("element_id", "in", screen.shown)],
    ).set_index("element_id")["source"]
    motifs = pd.read_parquet(screen.results / "motifs.parquet")
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


def details(screen: Screen) -> dict[str, Any]:
    """Predictions for each background without and with the detailed elements, and mean effects of their controls."""
    places = screen.places
    places = places[places["element_id"].isin(screen.detailed)]
    keys = [*KEYS, "element_id", "strand", "start"]
    data = ds.dataset(screen.results / "effects", partitioning="hive")
    wanted = pc.field("element_id").isin(screen.detailed) & (pc.field("background_id") < MOST_BACKGROUNDS)
    rows = data.to_table(filter=wanted).to_pandas().astype(dict.fromkeys([*KEYS, "element_id", "strand"], str))
    rows = rows.merge(places[[*keys, "view"]], on=keys).sort_values("background_id", kind="stable")
    before = {int(view): rounded(of.drop_duplicates("background_id")["before"]) for view, of in rows.groupby("view")}
    after: dict[str, list[float]] = {}
    for (view, element_id, strand), of in rows.groupby(["view", "element_id", "strand"]):
        after[f"{view}/{screen.index[element_id]}/{strand}"] = rounded(of["after"])
    return {"before": before, "after": after, "controls": _controls(screen, places)}


def _controls(screen: Screen, places: pd.DataFrame) -> dict[str, list[float]]:
    """The mean effects of the controls of each detailed element, placed alike."""
    table = pd.read_parquet(
        screen.results / "elements.parquet",
        columns=["element_id", "control_of"],
        filters=[("control_of", "in", screen.detailed)],
    )
    parents = dict(zip(table["element_id"], table["control_of"], strict=True))
    if not parents:
        return {}
    summary = pd.read_parquet(
        screen.results / "summary.parquet",
        columns=[*KEYS, "element_id", "strand", "start", "effect_mean"],
        filters=[("element_id", "in", list(parents))],
    ).astype(dict.fromkeys([*KEYS, "strand"], str))
    summary["element_id"] = summary["element_id"].map(parents)
    rows = summary.merge(places[[*KEYS, "element_id", "strand", "start", "view"]])
    found = rows.groupby(["view", "element_id", "strand"])["effect_mean"]
    return {f"{view}/{screen.index[element]}/{strand}": rounded(of) for (view, element, strand), of in found}


def scan(screen: Screen) -> dict[str, list[Any]] | None:
    """Columns: the effect of detailed elements at every start, where there are several."""
    if screen.summary.groupby("element_id")["start"].nunique().max() == 1:
        return None
    n_rows = len(screen.summary) // len(screen.shown)
    some = screen.detailed[: _room(4 * n_rows)]
    table = screen.summary[screen.summary["element_id"].isin(some)]
    columns = {"view": table["view"], "element": table["element_id"].map(screen.index), "strand": table["strand"]}
    columns |= {name: table[column] for name, column in [("start", "start"), *list(NUMBERS.items())[:3]]}
    return {name: rounded(values) for name, values in columns.items()}


def profiles(screen: Screen) -> dict[str, Any] | None:
    """Mean profiles, by view that of the backgrounds, and around the detailed elements those with them.

    Positions are those of the backgrounds.
    """
    path = screen.results / "profiles.parquet"
    if not path.is_file():
        return None
    places = screen.places.drop_duplicates(["view", "element_id"])
    places = places[places["element_id"].isin(screen.detailed)]
    n_profile_views = screen.views["readout"].isin(_profile_readouts(screen.config)).sum()
    some = screen.detailed[: _room(2 * PROFILE_FLANK * n_profile_views)]
    keys = [*KEYS, "element_id", "strand", "start"]
    columns = [*keys, "before", "after"]
    table = pd.read_parquet(path, columns=columns, filters=[("element_id", "in", some)])
    table = table.astype(dict.fromkeys([*KEYS, "strand"], str)).merge(places[[*keys, "view", "sequence"]], on=keys)
    before: dict[int, Any] = {}
    after: dict[str, Any] = {}
    for row in table.itertuples():
        cropped = (screen.config["backgrounds"]["length"] - len(row.after)) // 2
        if row.view not in before:
            before[row.view] = {"first": cropped, "values": rounded(row.before)}
        centre = row.start + len(row.sequence) // 2
        around = centre - cropped + np.array([-PROFILE_FLANK, PROFILE_FLANK])
        first, end = (int(x) for x in around.clip(0, len(row.after)))
        values = {"first": first + cropped, "centre": centre, "values": rounded(row.after[first:end])}
        after[f"{row.view}/{screen.index[row.element_id]}"] = {"strand": row.strand, **values}
    return {"before": before, "after": after}


def attributions(screen: Screen) -> dict[str, Any] | None:
    """Mean attributions around the detailed elements, by view."""
    path = screen.results / "attributions.parquet"
    if not path.is_file() or "attributions" not in screen.config:
        return None
    some = screen.detailed[: _room(2 * screen.config["attributions"]["window"] * len(screen.views))]
    places = screen.places.drop_duplicates(["view", "element_id"])
    keys = [*KEYS, "element_id", "strand", "start"]
    table = pd.read_parquet(path, filters=[("element_id", "in", some)]).astype(dict.fromkeys([*KEYS, "strand"], str))
    table = table.merge(places[[*keys, "view"]], on=keys)
    return {
        f"{row.view}/{screen.index[row.element_id]}": {
            "first": int(row.window_start),
            "strand": row.strand,
            "before": rounded(row.before),
            "after": rounded(row.after),
        }
        for row in table.itertuples()
    }


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
    neutral = [_scale(screen.config, readout).neutral for readout in screen.views["readout"]]
    rows = rows.assign(distance=rows["effect_mean"] - np.array(neutral)[rows["view"]])
    wide = rows.pivot(index="element_id", columns="view", values="distance").loc[some]
    wide = wide / wide.abs().max()
    motifs = pd.read_parquet(screen.results / "motifs.parquet").drop_duplicates("element_id").set_index("element_id")
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


def quality(screen: Screen, provenance: dict[str, Any]) -> dict[str, Any]:
    """What tells whether the screen can be trusted."""
    backgrounds = pd.read_parquet(screen.results / "backgrounds.parquet", columns=["gc", "sequence"])
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
            if len(p := _values(screen, row, column, pc.field("rank").is_valid()))
        ],
        "checks": sorted({line for lines in logs.values() for line in lines if "first results" in line}),
        "warnings": [f"{path}: {line}" for path, lines in logs.items() for line in lines if line.startswith("WARNING")],
        "rates": _rates(logs),
    }


def _rows(screen: Screen, view: Any, columns: list[str], rows: pc.Expression) -> pa.Table:
    """Columns of the whole summary, for one view and some of its rows."""
    for key in KEYS:
        rows &= pc.field(key) == getattr(view, key)
    return ds.dataset(screen.results / "summary.parquet").to_table(columns, filter=rows)


def _values(screen: Screen, view: Any, column: str, rows: pc.Expression) -> np.ndarray:
    """The values of one such column that are not missing."""
    return _rows(screen, view, [column], rows)[column].drop_null().to_numpy()


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


def _room(each: int) -> int:
    """Of how many elements there is room for so many numbers."""
    return max(1, MOST_NUMBERS // each)


def _scale(config: dict[str, Any], readout: str) -> Scale:
    return scale_of(readouts_of(config)[readout])


def _profile_readouts(config: dict[str, Any]) -> list[str]:
    return [name for name, readout in config["readouts"].items() if "profile" in readout]


def rounded(values: Any) -> Any:
    """Numbers with four significant digits, None where they are missing; other values as they are."""
    if values is None or isinstance(values, str):
        return values
    if np.ndim(values) == 0:
        return rounded([values])[0]
    found = []
    for value in list(values):
        if value is None or value is pd.NA or (isinstance(value, float | np.floating) and not np.isfinite(value)):
            found.append(None)
        elif isinstance(value, bool | np.bool_):
            found.append(bool(value))
        elif isinstance(value, int | np.integer):
            found.append(int(value))
        elif isinstance(value, float | np.floating):
            found.append(float(f"{value:.4g}"))
        else:
            found.append(value)
    return found
