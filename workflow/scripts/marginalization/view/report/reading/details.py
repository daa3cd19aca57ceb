"""What the report shows of the strongest elements alone: each background, control, position, attribution, and base."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from ....store.other_schemas import MAPS, MAPS_SUMMARY, SCANS
from ....store.reading import read_table
from ...findings import factor
from ...maps import read_in
from ...results import KEYS, read_effects
from .amounts import MOST_BACKGROUNDS, room, rounded
from .screens import Screen, scale_in
from .views import NUMBERS, PLACED

PROFILE_FLANK = 100


def details(screen: Screen) -> dict[str, Any]:
    """Predictions for each background without and with the detailed elements, and mean effects of their controls."""
    detailed = screen.shown.detailed
    places = screen.places[screen.places["element"] < screen.shown.amounts.detailed]
    places = _with_sequences(screen, places)
    by_readout = dict(list(places.groupby(["model", "readout"])))
    keys, values = ["target", *PLACED], ["background_id", "before", "after", "effect"]
    tables = [
        _joined(rows.to_pandas(), by_readout[model, readout], keys)[[*values, "view", "element", "strand"]]
        for model, readout, rows in read_effects(
            screen.results.parts("effects"), detailed, [*keys, *values], MOST_BACKGROUNDS
        )
        if (model, readout) in by_readout
    ]
    if not tables:  # of groups of models there are none
        return {"before": {}, "after": {}, "controls": _cells(screen.controls, "effect_mean")}
    rows = pd.concat(tables).sort_values("background_id", kind="stable")
    before = {int(view): rounded(of.drop_duplicates("background_id")["before"]) for view, of in rows.groupby("view")}
    found = {"before": before, "after": _cells(rows, "after"), "controls": _cells(screen.controls, "effect_mean")}
    return found | ({"effect": _cells(rows, "effect")} if screen.config.has_context else {})


def _joined(rows: pd.DataFrame, places: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """The rows of places, with the view, and the element's number and sequence."""
    names = dict.fromkeys([key for key in keys if key != "start"], str)  # rather than categories that differ
    places = places[[*keys, "view", "element", "sequence"]]
    return rows.astype(names).merge(places.astype(names), on=keys)


def _cells(rows: pd.DataFrame, column: str) -> dict[str, list[float]]:
    """The values for each view, element and strand."""
    keys = ["view", "element", "strand"]
    rows = rows.astype({"strand": str}).sort_values(keys, kind="stable")
    values, cells = rounded(rows[column]), rows.drop_duplicates(keys)
    firsts = np.flatnonzero(~rows.duplicated(keys)).tolist()
    slices = map(slice, firsts, [*firsts[1:], len(rows)])
    named = zip(cells["view"], cells["element"], cells["strand"], slices, strict=True)
    return {f"{view}/{element}/{strand}": values[own] for view, element, strand, own in named}


def scan(screen: Screen) -> dict[str, list[Any]] | None:
    """Columns: the effect of the strongest elements at every start, where there are several."""
    if not screen.shown.amounts.scanned:
        return None
    columns = {name: screen.scan[name] for name in ("view", "element", "strand", "start")}
    columns |= {name: screen.scan[column] for name, column in list(NUMBERS.items())[:3]}
    return {name: rounded(values) for name, values in columns.items()}


def halves(screen: Screen) -> list[dict[str, Any]]:
    """Where half of the effect of the strongest elements is lost, on either side of the start where they do most."""
    path = screen.results.table("scans")
    if not screen.shown.amounts.scanned or not path.is_file():
        return []
    shown = screen.shown.elements.index[: screen.shown.amounts.scanned]
    rows = read_table(path, SCANS, rows=("element_id", lambda ids: pc.is_in(ids, pa.array(shown.tolist()))))
    rows = rows.astype(dict.fromkeys([*KEYS, "strand"], "str"))
    numbers = {view: i for i, view in enumerate(screen.shown.views)}
    found = []
    for row in rows.itertuples(index=False):
        view = numbers.get((row.model, row.readout, row.target))
        if view is None:
            continue
        neutral = scale_in(screen.config, row.readout).neutral
        at = {"view": view, "element": shown.get_loc(row.element_id), "strand": row.strand}
        for side, distance in ((-1, row.half_left), (1, row.half_right)):
            if not np.isnan(distance):
                place = {"start": row.start + side * distance, "distance": distance, "best": row.start}
                effect = {"effect": neutral + (row.effect_mean - neutral) / 2}
                found.append(at | {name: rounded(value) for name, value in {**place, **effect}.items()})
    return found


def profiles(screen: Screen, differing: list[dict[str, list[int]]]) -> dict[str, Any] | None:
    """Mean profiles, by view that of the backgrounds, and around the detailed elements those with them.

    Of an element that is on the first strand, and on the other where strands differ on some view, as `differing` gives
    them. Positions are those of the backgrounds.
    """
    path, length = screen.results.table("profiles"), screen.config.length
    if not path.is_file():
        return None
    of_profiles = [i for i, (_, readout, _) in enumerate(screen.shown.views) if readout in _profile_readouts(screen)]
    shown = of_profiles[: room(length)]
    both = {element for of in differing for element in of["strands"]}
    each = np.cumsum([1 + (i in both) for i in range(len(screen.shown.detailed))])
    most = max(1, int(np.searchsorted(each, room(2 * PROFILE_FLANK * max(1, len(shown))), side="right")))
    table = _rows_of(screen, path, [*PLACED, "before", "after"], shown, most, both)
    before: dict[int, Any] = {}
    after: dict[str, list[Any]] = {}
    for row in table.itertuples():
        cropped = (length - len(row.after)) // 2
        if row.view not in before:
            before[row.view] = {"first": cropped, "values": rounded(row.before)}
        centre = row.start + len(row.sequence) // 2
        around = centre - cropped + np.array([-PROFILE_FLANK, PROFILE_FLANK])
        first, end = (int(x) for x in around.clip(0, len(row.after)))
        values = {"first": first + cropped, "centre": centre, "values": rounded(row.after[first:end])}
        after.setdefault(f"{row.view}/{row.element}", []).append({"strand": row.strand, **values})
    return {"before": before, "after": after}


def _profile_readouts(screen: Screen) -> list[str]:
    return [name for name, readout in screen.config.readouts.items() if readout.profile]


def attributions(screen: Screen) -> dict[str, Any] | None:
    """Mean attributions around the detailed elements, by view."""
    path = screen.results.table("attributions")
    if not path.is_file() or (spec := screen.config.attributions) is None:
        return None
    numbers = 2 * spec.window
    shown = list(range(len(screen.shown.views)))[: room(numbers)]
    table = _rows_of(screen, path, [*PLACED, "window_start", "before", "after"], shown, room(numbers * len(shown)))
    return {
        f"{row.view}/{row.element}": {
            "first": int(row.window_start),
            "strand": row.strand,
            "before": rounded(row.before),
            "after": rounded(row.after),
        }
        for row in table.itertuples()
    }


def maps(screen: Screen) -> dict[str, Any]:
    """Of mapped motifs that are shown, by view: what is lost with each base, what is read, and if it is another."""
    if not screen.config.elements.maps:
        return {}
    keys = [*KEYS, "element_id"]
    view = {of: i for i, of in enumerate(screen.shown.views)}
    number = {element_id: i for i, element_id in enumerate(screen.shown.elements.index)}
    changes = read_table(screen.results.table("maps"), MAPS).astype(dict.fromkeys(keys, str))
    by_map = dict(list(changes.groupby(keys, sort=False)))
    found = {}
    for row in read_table(screen.results.table("maps_summary"), MAPS_SUMMARY).itertuples(index=False):
        of = row.model, row.readout, row.target
        if of not in view or row.element_id not in number:
            continue
        losses = -by_map[(*of, row.element_id)].groupby("position")["effect_mean"].mean()
        width = len(screen.shown.elements.loc[row.element_id, "sequence"])
        values = rounded(losses.reindex(range(width), fill_value=0))
        another = factor(row.closest) if row.reads == "another" else None
        found[f"{view[of]}/{number[row.element_id]}"] = {"losses": values, "said": read_in(row), "another": another}
    return found


def _rows_of(
    screen: Screen, path: Any, columns: list[str], views: list[int], most: int, both: Collection[int] = ()
) -> pd.DataFrame:
    """Columns of a table's rows for the strongest detailed elements on some views.

    Of each they are on its first strand, of the elements `both` on each strand.
    """
    places = screen.places[screen.places["view"].isin(views)]
    places = places[~places.duplicated(["view", "element"]) | places["element"].isin(both)]
    some = screen.shown.detailed[:most]
    rows = ds.dataset(path).to_table([*KEYS, *columns], filter=pc.field("element_id").isin(some))
    return _joined(rows.to_pandas(), _with_sequences(screen, places), [*KEYS, *PLACED])


def _with_sequences(screen: Screen, places: pd.DataFrame) -> pd.DataFrame:
    return places.assign(sequence=screen.shown.elements["sequence"].to_numpy()[places["element"]])
