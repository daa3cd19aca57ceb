"""What each screen says of an element on one match, at one place that all have in common; and what changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from ...errors import InputError
from ..report.reading.screens import clusters_by_view
from ..results import PLACED, View, by_view
from .matching import Match
from .screens import Compared, Screen

NUMBERS = ["effect_mean", "effect_ci_low", "effect_ci_high", "element_q"]
COLUMNS = [*PLACED, "rank", "n_backgrounds", "effect_sem", *NUMBERS, "n_stratum", "significant"]
"""Of the summary."""
AT = ["number", "strand", "place"]

ABSENT, UNJUDGED, RESTS, RAISES, LOWERS = "absent", "no verdict", "not significant", "raises", "lowers"
"""What a screen says of an element: it did not screen it, has no verdict, or has one."""

SAME, GAINED, LOST, FLIPPED, NOT_COMPARABLE = "same", "gained", "lost", "flipped", "not comparable"
"""What became of the first screen's verdict in another."""


class Read(NamedTuple):
    """What is read of a screen on one match.

    Fields:
        rows: of the summary, of motifs, annotations and controls, with `number`, and `place`: the start, from the
            middle of the backgrounds where a screen has several.
        clusters: rows of clusters.parquet.
    """

    rows: pd.DataFrame
    clusters: pd.DataFrame


def read_matches(compared: Compared, matches: list[Match]) -> Iterator[list[Read]]:
    """What is read of each screen, match after match: in one pass through the tables of each."""
    several = any(screen.config.placement.several_starts for screen in compared.screens)
    each = [_read(screen, [match.views[i] for match in matches], several) for i, screen in enumerate(compared.screens)]
    return map(list, zip(*each, strict=True))


def _read(screen: Screen, views: list[View], several: bool) -> Iterator[Read]:
    wanted = set(views)
    clusters = clusters_by_view(screen.results, wanted)
    middle = screen.config.length // 2
    for _, table in by_view(screen.results.table("summary"), COLUMNS, wanted.__contains__):
        rows = table.to_pandas()
        known = screen.elements.index.get_indexer(rows["element_id"])
        rows = rows[known >= 0].astype({"strand": "str"})
        place = rows["start"] - middle if several else 0
        number = screen.elements["number"].to_numpy()[known[known >= 0]]
        yield Read(rows.assign(number=number, place=place), next(clusters))


def elements_of(read: Read, screen: Screen) -> pd.DataFrame:
    """The rows of motifs and annotations."""
    return read.rows[screen.numbers.index.get_indexer(read.rows["element_id"]) >= 0]


class Table(NamedTuple):
    """The elements of any screen on one match, by their number.

    Fields:
        places: strand and place of each: that in most screens, of these that of the best rank in any.
        own: of each screen start, rank, n_backgrounds, effect_sem, `NUMBERS`, significant, and `state`, such as
            `RAISES`; missing where it has no such element there, but for the state.
        screened: bool (elements, screens): whether it screened the element at all.
    """

    places: pd.DataFrame
    own: list[pd.DataFrame]
    screened: np.ndarray


def table_of(compared: Compared, match: Match, reads: list[Read]) -> Table:
    """What the screens say of each element where they have it in common.

    Raises:
        InputError: the first has none in common with one of the others.
    """
    each = [elements_of(read, screen) for read, screen in zip(reads, compared.screens, strict=True)]
    long = pd.concat([rows[[*AT, "rank"]] for rows in each], ignore_index=True)
    # At a place that fewer screens have, they can not be compared.
    found = long.groupby(AT, as_index=False).agg(rank=("rank", "min"), n=("rank", "size"))
    places = found.sort_values(["n", "rank"], ascending=[False, True], kind="stable").drop_duplicates("number")
    places = places[AT].set_index("number").sort_index()
    own = []
    for rows, neutral in zip(each, match.neutral, strict=True):
        here = places.reset_index().merge(rows, on=AT, how="left").set_index("number")
        own.append(here.assign(state=_states(here, neutral)))
    for screen, rows in zip(compared.screens[1:], own[1:], strict=True):
        if not (own[0]["effect_mean"].notna() & rows["effect_mean"].notna()).any():
            raise InputError(
                f"{compared.names[0]} and {screen.name} have no element on the same strand at the same start, counted "
                "from the middle of the backgrounds; compare screens that are placed alike"
            )
    screened = np.stack([places.index.isin(rows["number"]) for rows in each], axis=1)
    return Table(places, own, screened)


def _states(rows: pd.DataFrame, neutral: float) -> np.ndarray:
    """What a screen says of each element; its direction is that of the effect at this place."""
    absent = rows["effect_mean"].isna()
    significant = rows["significant"].astype("boolean")
    acts = significant.fillna(False).astype(bool)
    lowers = rows["effect_mean"] < neutral
    return np.select(
        [absent, significant.isna(), acts & lowers, acts], [ABSENT, UNJUDGED, LOWERS, RAISES], RESTS
    ).astype(object)


def changed(became: np.ndarray) -> np.ndarray:
    """Whether a verdict is another, of what `changes` gives."""
    return np.isin(became, [GAINED, LOST, FLIPPED])


def changes(first: pd.Series, other: pd.Series) -> np.ndarray:
    """What became of the verdicts of the first screen in another, by the states in both; (elements,) of str."""
    a, b = first.to_numpy(object), other.to_numpy(object)
    unknown = np.isin(a, [ABSENT, UNJUDGED]) | np.isin(b, [ABSENT, UNJUDGED])
    return np.select([unknown, a == b, a == RESTS, b == RESTS], [NOT_COMPARABLE, SAME, GAINED, LOST], FLIPPED).astype(
        object
    )
