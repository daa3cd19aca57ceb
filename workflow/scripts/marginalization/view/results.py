"""A finished screen's results folder, read for people: its config, its elements' names, and parts of its summary.

A summary may have millions of rows, most of them of controls, of thousands of targets: only the columns and rows asked
for are read, and what goes through all of it does so once, a view (a model or group, a readout and a target) at a time.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..config.checks import readouts_of
from ..config.sections import Config
from ..errors import InputError
from ..statistics.resolution import Resolution
from ..store.paths import Results, part_name
from ..store.reading import whole_table
from ..store.schemas import SUMMARY

TABLES = ["summary", "elements", "motifs", "annotations"]
PLACED = ["element_id", "strand", "start"]
KEYS = ["model", "readout", "target"]
View = tuple[str, str, str]
"""The model (or group), readout and target of rows: values of `KEYS`."""

PARTITIONS_CODE = 'ds.partitioning(pa.schema([("model", "string"), ("readout", "string")]), flavor="hive")'
"""How the folders of effects/ are named, for people to type after `import pyarrow as pa, pyarrow.dataset as ds`.

Without it pyarrow takes a model `01` for a number.
"""

KINDS = ["motif", "annotation"]
"""The kinds of elements that verdicts are about."""

HINTS = 8
"""How many names an error lists."""

MOST_WORDS = 100_000
"""Among how many words of names one like an unknown name is looked for, motifs' first: seconds of work."""


def require_results(folder: str | Path) -> Results:
    """The results that lie in `folder`.

    Raises:
        InputError: it is not the results of a finished screen, by this version.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}; give a screen's results, such as results/demo")
    results = Results(folder)
    missing = [path.name for path in (*map(results.table, TABLES), results.provenance) if not path.is_file()]
    if missing:
        inner = Results.within(folder)
        remedy = f"did you mean {_some(inner)}?" if inner else "let snakemake finish the screen"
        raise InputError(f"{folder} is not the results of a finished screen: it has no {', '.join(missing)}; {remedy}")
    with whole_table(results.table("summary")):
        known = pq.read_schema(results.table("summary")).names
    older = [name for name in SUMMARY.names if name not in known]
    if older:
        raise InputError(f"{folder} is of another version: its summary has no {_some(older)}; run its screen again")
    return results


def read_config(results: Results) -> Config:
    """The config of the screen, as resolved; an InputError when its provenance is damaged."""
    try:
        return Config.of(json.loads(results.provenance.read_text())["config"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{results.provenance} is damaged: {error!r}; run snakemake again") from error


def has_number_names(config: Config) -> bool:
    """Whether a reader of effects/ that is not told better may take a model's or readout's name for a number."""
    return any(name[0].isdigit() for name in (*config.models, *readouts_of(config)))


def resolution_in(config: Config, rows: pd.DataFrame) -> Resolution:
    """How small a q a screen with controls reaches, from the columns element_id, significant and n_stratum."""
    judged = rows[rows["significant"].notna()]
    n_controls = int(judged["n_stratum"].max()) if len(judged) else 0
    assert config.elements.controls
    return Resolution(judged["element_id"].nunique(), n_controls, asdict(config.elements.controls))


def read_summary(results: Results, columns: list[str], **filters: str | list[str] | None) -> pd.DataFrame:
    """Columns of the summary's rows, in its order.

    Args:
        results: the screen's.
        columns: their names.
        **filters: a value, or several allowed ones, of any columns, such as `kind=KINDS`. None allows all.

    Returns:
        The columns as pandas reads them, but `significant` as nullable booleans.

    Raises:
        InputError: the summary is damaged.
    """
    path = results.table("summary")
    view = tuple(filters.pop(key, None) for key in KEYS)
    if None in view:
        return _read(path, columns, **dict(zip(KEYS, view, strict=True)), **filters)
    # Of one view alone: pyarrow would look for it in all rows.
    found = list(_filtered(path, columns, {view}.__contains__, filters))
    return _to_pandas(pa.concat_tables(found) if found else SUMMARY.empty_table().select(columns))


def read_views(results: Results, columns: list[str], keys: list[dict[str, str]]) -> Iterator[pd.DataFrame]:
    """Columns of the rows of motifs and annotations of several views by their `KEYS`: in one pass, in order."""
    wanted = {tuple(key[name] for name in KEYS) for key in keys}
    yield from map(_to_pandas, _filtered(results.table("summary"), columns, wanted.__contains__, {"kind": KINDS}))


def _filtered(
    path: Path, columns: list[str], wanted: Callable[[View], bool], filters: dict[str, str | list[str] | None]
) -> Iterator[pa.Table]:
    """Columns of the rows of each view that have the values of `filters`, None for any."""
    given = {name: value for name, value in filters.items() if value is not None}
    conditions = {name: [value] if isinstance(value, str) else value for name, value in given.items()}
    for _, table in by_view(path, list(dict.fromkeys([*columns, *conditions])), wanted):
        for name, values in conditions.items():
            table = table.filter(pc.is_in(table[name].cast(pa.string()), pa.array(values)))
        yield table.select(columns)


def by_view(
    path: Path, columns: list[str], wanted: Callable[[View], bool] = lambda view: True
) -> Iterator[tuple[View, pa.Table]]:
    """Columns of a table that is sorted by `KEYS`, such as the summary: the rows of one view after another.

    Raises:
        InputError: the table is damaged.
    """
    held: View = ("", "", "")
    parts: list[pa.Table] = []
    with whole_table(path), pq.ParquetFile(path, page_checksum_verification=True) as file:
        for group in range(file.num_row_groups):
            for view, table in _views_in(file, group, columns, wanted):
                if view != held and parts:
                    yield held, pa.concat_tables(parts).unify_dictionaries()
                    parts = []
                held = view
                parts.append(table)
    if parts:
        yield held, pa.concat_tables(parts).unify_dictionaries()


def _views_in(
    file: pq.ParquetFile, group: int, columns: list[str], wanted: Callable[[View], bool]
) -> Iterator[tuple[View, pa.Table]]:
    """The rows of each view in a row group, which often has one; without a wanted one the columns are not read."""
    keys = [file.read_row_group(group, [key]).column(0).unify_dictionaries().combine_chunks() for key in KEYS]
    n = len(keys[0])
    codes = np.stack([key.indices.to_numpy() for key in keys])
    firsts = [0, *np.flatnonzero((codes[:, 1:] != codes[:, :-1]).any(axis=0)) + 1, n] if n else [0]
    views = [tuple(key[int(first)].as_py() for key in keys) for first in firsts[:-1]]
    if any(map(wanted, views)):
        table = file.read_row_group(group, columns)
        for view, first, end in zip(views, firsts[:-1], firsts[1:], strict=True):
            if wanted(view):
                yield view, table.slice(first, end - first)


def summary_keys(results: Results) -> pd.DataFrame:
    """The distinct (model, readout, target) of the summary, in its order: strings, columns `KEYS`."""
    views = [view for view, _ in by_view(results.table("summary"), ["rank"])]
    return pd.DataFrame(views, columns=KEYS, dtype="str")


def read_effects(
    paths: Iterable[Path], element_ids: Collection[str], columns: list[str], most_backgrounds: int
) -> Iterator[tuple[str, str, pa.Table]]:
    """The effects of a few elements in the first backgrounds, file of effects/ after file.

    Only the row groups that hold some of them are read, which pyarrow by itself can not tell for columns of names.

    Yields:
        The model, the readout, and the rows' `columns`.

    Raises:
        InputError: a file is damaged.
    """
    ids = np.array(sorted(element_ids), dtype=object)
    for path in paths:
        model, readout, _ = part_name(path)
        with whole_table(path), pq.ParquetFile(path, page_checksum_verification=True) as file:
            for group in range(file.num_row_groups):
                if not _may_hold(file, group, ids, most_backgrounds):
                    continue
                rows = file.read_row_group(group, list(dict.fromkeys([*columns, "element_id", "background_id"])))
                wanted = pc.is_in(rows["element_id"].cast(pa.string()), pa.array(ids, pa.string()))
                rows = rows.filter(pc.and_(wanted, pc.less(rows["background_id"], most_backgrounds)))
                yield model, readout, rows.select(columns)


def _may_hold(file: pq.ParquetFile, group: int, ids: np.ndarray, most_backgrounds: int) -> bool:
    """Whether by its statistics a row group of effects can hold some of the sorted ids in the first backgrounds."""
    places = {name: i for i, name in enumerate(file.schema_arrow.names)}
    elements, backgrounds = (
        file.metadata.row_group(group).column(places[name]).statistics for name in ("element_id", "background_id")
    )
    first, end = np.searchsorted(ids, elements.min), np.searchsorted(ids, elements.max, side="right")
    return first < end and backgrounds.min < most_backgrounds


def element_names(results: Results) -> pd.DataFrame:
    """The names of elements: a row for each motif, then for each annotation; columns name, kind and element_id."""
    tables = [_read(results.table(f"{kind}s"), ["name", "element_id"]).assign(kind=kind) for kind in KINDS]
    return pd.concat(tables, ignore_index=True)[["name", "kind", "element_id"]]


def read_annotations(results: Results) -> pd.DataFrame:
    """The rows of `annotations.parquet`."""
    return _read(results.table("annotations"), None)


def read_element(results: Results, element_id: str) -> pd.DataFrame:
    """The row of `elements.parquet` of an element, or control; no row for an unknown one."""
    return _read(results.table("elements"), None, element_id=element_id)


def find_element(results: Results, text: str) -> str:
    """The element_id of what is asked for by it, by a name, or by a part that one element alone has in its names.

    Pairs and arrangements are asked for by their whole names.

    Raises:
        InputError: there is no such element, or there are several.
    """
    if len(read_element(results, text)):
        return text
    names = element_names(results)
    lower = names["name"].str.lower()
    for fits in (names["name"] == text, lower == text.lower(), lower.str.contains(text.lower(), regex=False)):
        found = names[fits]
        if found["element_id"].nunique() == 1:
            return found["element_id"].iloc[0]
    arranged = _read(results.table("elements"), ["name", "element_id"], kind=["pair", "arrangement"])
    named = f";{text};"  # of equal sequences one element has all names
    if (own := (";" + arranged["name"] + ";").str.contains(named, regex=False)).any():
        return arranged.loc[own, "element_id"].iloc[0]
    if len(distinct := found.drop_duplicates("element_id")):
        listed = [f"{name} ({of})" for name, of in zip(distinct["name"], distinct["element_id"], strict=True)]
        n = len(listed)
        raise InputError(f"{text!r} fits {n} elements: {_some(listed)}; give more of the name, or an element_id")
    # A factor's name is a word of its motif's.
    words = {word: name for name in names["name"].unique() for word in (name.lower(), *name.lower().split())}
    near = [words[word] for word in difflib.get_close_matches(text.lower(), islice(words, MOST_WORDS), n=HINTS)]
    hint = f"near it are {_some(dict.fromkeys(near))}" if near else "motifs.parquet and annotations.parquet have all"
    raise InputError(f"there is no element {text!r}; {hint}")


def read_beside(results: Results, table: str, **key: str) -> pd.DataFrame:
    """The rows on a view of a table that not every screen has, such as ablations_summary; none without it."""
    path = results.table(table)
    return _read(path, None, **key) if path.is_file() else pd.DataFrame()


def require_known(value: str, known: Iterable[str], what: str) -> None:
    """An InputError that names the nearest of `known`, or some, unless `value` is among them."""
    known = list(dict.fromkeys(known))
    if value not in known:
        near = difflib.get_close_matches(value, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {_some(known)}"
        raise InputError(f"there is no {what} {value!r}; {hint}")


def _read(path: Path, columns: list[str] | None, **filters: str | list[str] | None) -> pd.DataFrame:
    conditions = [
        (column, "in" if isinstance(value, list) else "==", value)
        for column, value in filters.items()
        if value is not None
    ]
    with whole_table(path):
        table = pq.read_table(path, columns=columns, filters=conditions or None, page_checksum_verification=True)
    return _to_pandas(table)


def _to_pandas(table: pa.Table) -> pd.DataFrame:
    # Booleans with missing ones would become a column of objects.
    return table.to_pandas(types_mapper={pa.bool_(): pd.BooleanDtype()}.get)


def _some(names: Iterable[Any]) -> str:
    names = [str(name) for name in names]
    more = len(names) - HINTS
    return ", ".join(names[:HINTS]) + (f" and {more} more" if more > 0 else "")
