"""How far the effects of two screens differ, element by element, and whether that is more than their shuffles do.

A verdict that changed says little: of two effects just about the level one is under it. So each element has the second
effect less the first, with its interval over backgrounds, and a q: where both screens have the same controls, of the
difference among those of the controls, as in differential.parquet; else over backgrounds.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import NamedTuple

import numpy as np
import pandas as pd

from ...errors import InputError
from ...statistics.families import Families, families
from ...statistics.nulls import benjamini_hochberg, compare
from ...statistics.scales import effect
from ...statistics.summary import signed_rank, spread, welch
from ..report.reading.screens import scale_in
from ..results import PLACED, View, read_effects
from .rows import Read, Table
from .screens import Screen

LEVEL = 0.05
"""Of differences, where the first screen has no controls."""

AT_ONCE = 2**22
"""About how many effects are read at a time."""

ENOUGH = 0.5
"""The share of the first screen's controls that the other must have too."""


class Differences(NamedTuple):
    """How far effects differ.

    Fields:
        table: by the element's number, of those that both have: difference (second less first), low and high, the 95 %
            interval, q, and differs, whether it does by the test, which is missing without one.
        paired: whether the interval is of differences in the same backgrounds.
        among_controls: whether the test is among controls.
        level: under which q is significant.
    """

    table: pd.DataFrame
    paired: bool
    among_controls: bool
    level: float


class Shared(NamedTuple):
    """What two screens have in common.

    Fields:
        elements: rows of the first's elements.parquet, controls too, sorted by element_id, with `element_id_second`.
        among: who is compared with whom, as the first's config has it.
    """

    elements: pd.DataFrame
    among: Families


def differences(
    screens: tuple[Screen, Screen],
    views: tuple[View, View],
    reads: tuple[Read, Read],
    table: Table,
    sides: tuple[int, int],
    shared: Shared | None,
) -> Differences:
    """How far the effects of two screens of a table differ; they are in one unit.

    Args:
        screens, views, reads: of the first and of the second.
        table: of all screens.
        sides: which two of these they are.
        shared: `shared_controls` of the two.
    """
    first, second = (table.own[side] for side in sides)
    both = first["effect_mean"].notna() & second["effect_mean"].notna()
    first, second = first[both], second[both]
    paired = screens[0].backgrounds == screens[1].backgrounds and all(map(_has_effects, screens))
    if paired:
        found = _paired(screens, views, (first, second))
    else:
        samples = [
            tuple(side[name].to_numpy(np.float64) for name in ("effect_mean", "effect_sem", "n_backgrounds"))
            for side in (first, second)
        ]
        difference, low, high, p = welch(*samples)
        found = pd.DataFrame({"difference": difference, "low": low, "high": high, "p": p}, index=first.index)
    controls = screens[0].config.elements.controls
    level = controls.level if controls else LEVEL
    judged = None if shared is None else _among_controls(shared, reads)
    if judged is not None:
        found = found.join(judged)
    else:
        found["q"] = benjamini_hochberg(found["p"].to_numpy())
        found["differs"] = (found["q"] < level).astype("boolean").mask(found["q"].isna())
    return Differences(found.drop(columns="p"), paired, judged is not None, level)


def _has_effects(screen: Screen) -> bool:
    return screen.config.keep_effects == "all" and bool(screen.results.parts("effects"))


def _paired(
    screens: tuple[Screen, Screen], views: tuple[View, View], rows: tuple[pd.DataFrame, pd.DataFrame]
) -> pd.DataFrame:
    """Of the differences in each background the mean, its interval by Student's t, and the p of Wilcoxon's test."""
    n_backgrounds = len(screens[0].backgrounds)
    at_once = max(1, AT_ONCE // (2 * n_backgrounds))
    blocks = []
    for start in range(0, len(rows[0]), at_once):
        sides = [
            _effects(screen, view, of.iloc[start : start + at_once], n_backgrounds)
            for screen, view, of in zip(screens, views, rows, strict=True)
        ]
        values = sides[1] - sides[0]
        mean, _, _, low, high = spread(values)
        p = signed_rank(values) if n_backgrounds > 1 else np.full(len(values), np.nan)
        blocks.append(pd.DataFrame({"difference": mean, "low": low, "high": high, "p": p}))
    return pd.concat(blocks).set_axis(rows[0].index)


def _effects(screen: Screen, view: View, rows: pd.DataFrame, n_backgrounds: int) -> np.ndarray:
    """The effects (rows, backgrounds) of placed elements, float64.

    Raises:
        InputError: some are missing in effects/.
    """
    model, readout, target = view
    models = screen.config.groups.get(model, (model,))
    paths = [path for of in models for path in screen.results.parts("effects", model=of, readout=readout)]
    places = pd.MultiIndex.from_frame(rows[PLACED])
    predicted = np.full((2, len(models), len(rows), n_backgrounds), np.nan)
    columns = [*PLACED, "target", "background_id", "before", "after"]
    for of, _, table in read_effects(paths, rows["element_id"].unique(), columns, n_backgrounds):
        found = table.to_pandas().astype({"element_id": "str", "strand": "str", "target": "str"})
        found = found[found["target"] == target]
        at = places.get_indexer(pd.MultiIndex.from_frame(found[PLACED]))
        found, at = found[at >= 0], at[at >= 0]
        for side, name in enumerate(("before", "after")):
            predicted[side, models.index(of), at, found["background_id"]] = found[name]
    if np.isnan(predicted).any():
        raise InputError(f"{screen.results.dataset('effects')} has not all effects; run snakemake again")
    before, after = predicted.mean(axis=1)
    return effect(before, after, scale_in(screen.config, readout))


def shared_controls(first: Screen, second: Screen) -> Shared | None:
    """What two screens have in common to judge their differences by; None where there are no controls, or too few.

    They are too few where the second has not `ENOUGH` of those that the first has for the elements of both.
    """
    spec = first.config.elements.controls
    if spec is None or second.config.elements.controls is None:
        return None
    sides = [screen.elements.assign(is_control=screen.elements["kind"] == "control") for screen in (first, second)]
    keys = ["number", "sequence", "is_control"]
    one, other = (side.reset_index() for side in sides)
    elements = one.merge(other[[*keys, "element_id"]], on=keys, suffixes=("", "_second"))
    both = elements["number"][~elements["is_control"]]
    elements = elements[elements["number"].isin(both)].sort_values("element_id", ignore_index=True)
    n, expected = elements["is_control"].sum(), (one["is_control"] & one["number"].isin(both)).sum()
    if n == 0 or n < ENOUGH * expected:
        return None
    return Shared(elements, families(elements, asdict(spec)))


def _among_controls(shared: Shared, reads: tuple[Read, Read]) -> pd.DataFrame | None:
    """The q of each element's difference among those of its controls, and whether it differs, as a comparison has it.

    None where elements have not all the same places in both screens.
    """
    elements, at = shared.elements, ["strand", "place"]
    one, other = (read.rows[["element_id", *at, "effect_mean"]] for read in reads)
    rows = elements[["element_id", "element_id_second"]].merge(one, on="element_id")
    other = other.rename(columns={"element_id": "element_id_second"})
    rows = rows.merge(other, on=["element_id_second", *at], suffixes=("_first", "_second"))
    counts = rows["element_id"].value_counts()
    if len(counts) < len(elements) or counts.nunique() > 1:
        return None
    rows = rows.sort_values(["element_id", *at], kind="stable")
    difference = (rows["effect_mean_second"] - rows["effect_mean_first"]).to_numpy().reshape(len(elements), -1)
    found = compare(np.full(difference.shape, np.nan), difference, shared.among)
    n_places = difference.shape[1]
    said = {"q": found["element_q"][::n_places], "differs": found["significant"][::n_places]}
    judged = pd.DataFrame({"number": elements["number"], **said})
    return judged[~elements["is_control"]].set_index("number")
