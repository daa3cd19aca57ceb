"""Which views (a model or group, a readout and a target) of several screens are compared with each other."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from ...errors import InputError
from ..report.charts import UNITS
from ..report.reading.screens import scale_in
from ..results import KEYS, View
from .screens import Screen

PLACE = ("output", "layout", "channels", "reverse_order")
"""Keys of a readout that say where it is found, which may differ in two models that give the same."""

LISTED = 6
"""Names that an error lists of a screen."""


class Match(NamedTuple):
    """Views that are compared, one of each screen.

    Fields:
        views: of each screen.
        label: what they are called together.
        units: of the effects of each.
        neutral: the effect of what changes nothing, of each.
        alike: bool for each: its effects are in the unit of the first's.
    """

    views: list[View]
    label: str
    units: list[str]
    neutral: list[float]
    alike: list[bool]


def match_views(screens: list[Screen], keys: list[pd.DataFrame]) -> list[Match]:
    """The matches, in the order of the first screen's summary.

    Names have to be the same, but of what each screen has one of. A screen of several models, none of which the others
    have, is taken at its group if it has one.

    Args:
        screens: those compared.
        keys: of each the views that may be taken, columns `KEYS`.

    Raises:
        InputError: there is none.
    """
    keys = _shared(screens, _at_groups(screens, keys), "model")
    keys = _shared(screens, keys, "readout")
    readouts = keys[0]["readout"].unique()
    if len(readouts) == 1:
        keys = _shared(screens, keys, "target")
        by_readout = [keys]
    else:
        by_readout = [[of[of["readout"] == readout] for of in keys] for readout in readouts]
        by_readout = [found for own in by_readout if (found := _common(own, "target"))]
        if not by_readout:
            _shared(screens, keys, "target")
    matches = [_match(screens, views) for own in by_readout for views in _named_alike(own)]
    if not matches:
        raise InputError("the screens have no model, readout and target in common; choose with --model and --target")
    order = {tuple(row): i for i, row in enumerate(keys[0].itertuples(index=False, name=None))}
    return sorted(matches, key=lambda match: order[match.views[0]])


def _named_alike(keys: list[pd.DataFrame]) -> list[list[View]]:
    """The views of each that have the same names, but of what each has one of."""
    named = [key for key in KEYS if any(of[key].nunique() > 1 for of in keys)]
    rows = [of.itertuples(index=False) for of in keys]
    known = [{tuple(getattr(row, key) for key in named): tuple(row) for row in of} for of in rows]
    return [[of[name] for of in known] for name in known[0] if all(name in of for of in known)]


def _at_groups(screens: list[Screen], keys: list[pd.DataFrame]) -> list[pd.DataFrame]:
    """Of screens without a model in common, those at their one group that have one."""
    if _common(keys, "model"):
        return keys
    groups = [list(screen.config.groups) for screen in screens]
    return [
        of[of["model"] == own[0]] if len(own) == 1 and own[0] in set(of["model"]) else of
        for of, own in zip(keys, groups, strict=True)
    ]


def _shared(screens: list[Screen], keys: list[pd.DataFrame], key: str) -> list[pd.DataFrame]:
    """The rows of what all have of a key.

    Raises:
        InputError: that is nothing.
    """
    if found := _common(keys, key):
        return found
    told = [
        f"{screen.name} has {', '.join(of[key].unique()[:LISTED])}" for screen, of in zip(screens, keys, strict=True)
    ]
    raise InputError(
        f"the screens have no {key} in common: {'; '.join(told)}; choose one of each with "
        f"--{key} {' '.join(of[key].iloc[0] for of in keys)}"
    )


def _common(keys: list[pd.DataFrame], key: str) -> list[pd.DataFrame] | None:
    """The rows of the values of a key that all have, or of the only one of each; None where there are none."""
    values = [set(of[key]) for of in keys]
    if all(len(own) == 1 for own in values):
        return keys
    both = set.intersection(*values)
    return [of[of[key].isin(both)] for of in keys] if both else None


def _match(screens: list[Screen], views: list[View]) -> Match:
    scales = [scale_in(screen.config, view[1]) for screen, view in zip(screens, views, strict=True)]
    words = [" / ".join(dict.fromkeys(names)) for names in zip(*views, strict=True)]
    return Match(
        views=views,
        label=" · ".join(dict.fromkeys(words)),
        units=[UNITS[scale.name].format(view[1]) for scale, view in zip(scales, views, strict=True)],
        neutral=[scale.neutral for scale in scales],
        alike=[_alike(screens[0], views[0], screen, view) for screen, view in zip(screens, views, strict=True)],
    )


def _alike(first: Screen, view: View, other: Screen, another: View) -> bool:
    """Whether effects are in one unit: of one scale, and where that has a unit on readouts that are the same but for
    where they are found."""
    scales = scale_in(first.config, view[1]), scale_in(other.config, another[1])
    if scales[0] != scales[1] or scales[0].name != "difference":
        return scales[0] == scales[1]
    sections = [screen.provenance["config"].get("readouts", {}) for screen in (first, other)]
    ignored = ("targets", *PLACE) if view[1] == another[1] else ("targets",)
    told = [
        {
            key: bool(value) if key == "profile" else value
            for key, value in of.get(name, {}).items()
            if key not in ignored
        }
        for of, name in zip(sections, (view[1], another[1]), strict=True)
    ]
    return told[0] == told[1]
