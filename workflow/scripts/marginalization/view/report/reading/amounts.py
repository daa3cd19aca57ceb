"""How much a report shows, so that the page opens whatever the size of the screen; and how its numbers are rounded.

Of views (a model or group, a readout and a target) there are at most `MOST_VIEWS`, of elements the `MOST_ELEMENTS`
strongest, and of their effects `MOST_EFFECTS`: those of each view's own strongest, and of the strongest of all on every
view. As many elements as `MOST_NUMBERS` allows are shown with what is known of each background, control and position.
Numbers are rounded; the tables hold them all. What is shown of them are rows by their columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ...results import KEYS

MOST_VIEWS = 1000
MOST_ELEMENTS = 5000
MOST_EFFECTS = 72_000
MOST_DETAILS = 1000
MOST_NUMBERS = 130_000
"""Of details, for each of: effects by background, by control, profiles, positions, and attributions."""
MOST_BACKGROUNDS = 100
MOST_CONTROLS = 100
"""Of an element: how many of its backgrounds and its controls are shown."""
QUANTILES = 250
MOST_QUANTILES = 60_000
"""How many points of sorted p-values are shown of a test, and of all."""
MOST_FINDINGS = 6000
"""Rows of all views, and of each at least `FEWEST_FINDINGS`."""
FEWEST_FINDINGS = 6


class Amounts(NamedTuple):
    """How many elements have what.

    Fields:
        everywhere: how many, the strongest, have their effects on all views.
        own: how many of its strongest each view has besides; 0 where all elements are everywhere.
        detailed: how many, the first, have details.
        scanned: how many have their effects at every start; 0 where there is one.
        quantiles: points of sorted p-values of a test.
        findings: of a view, how many rows of clusters of like motifs and names of annotations.
    """

    everywhere: int
    own: int
    detailed: int
    scanned: int
    quantiles: int
    findings: int


def amounts(n_views: int, n_elements: int, n_strands: int, n_starts: int, n_backgrounds: int) -> Amounts:
    """How many elements have what, in a screen of so many views and elements shown, strands, starts and backgrounds."""
    rows = n_views * n_strands
    of_view = max(2, MOST_EFFECTS // rows)
    everywhere = n_elements if of_view >= n_elements else of_view // 2
    return Amounts(
        everywhere=everywhere,
        own=of_view - everywhere if everywhere < n_elements else 0,
        detailed=min(everywhere, MOST_DETAILS, room(rows * min(n_backgrounds, MOST_BACKGROUNDS))),
        scanned=0 if n_starts == 1 else min(everywhere, room(4 * rows * n_starts)),
        quantiles=min(QUANTILES, MOST_QUANTILES // (2 * n_views)),
        findings=max(FEWEST_FINDINGS, MOST_FINDINGS // n_views),
    )


def room(each: int) -> int:
    """Of how many elements there is room for so many numbers."""
    return max(1, MOST_NUMBERS // each)


def as_rows(columns: Mapping[str, Iterable[Any]]) -> list[dict[str, Any]]:
    """Columns of one length as rows."""
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def view_names(rows: pd.DataFrame) -> list[str]:
    """What the views are called that rows are on."""
    return [" · ".join(view) for view in zip(*(rows[key].astype(str) for key in KEYS), strict=True)]


def rounded(values: Any) -> Any:
    """Numbers with four significant digits, None where they are missing; other values as they are."""
    if values is None or isinstance(values, str):
        return values
    if np.ndim(values) == 0:
        return rounded([values])[0]
    values = pd.Series(values)
    if not pd.api.types.is_float_dtype(values.dtype):
        return values.astype(object).where(values.notna(), None).tolist()
    numbers = values.to_numpy(np.float64, na_value=np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        digits = np.where(numbers == 0, 0, 3 - np.floor(np.log10(np.abs(numbers))))
    found = zip(numbers.tolist(), digits.tolist(), strict=True)
    return [round(number, int(n)) if np.isfinite(number) else None for number, n in found]
