"""A finished screen's results folder, read for people: its config, its elements' names, and parts of its summary.

A summary may have millions of rows, most of them of controls: only the columns and rows asked for are read.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from .errors import InputError
from .reading import whole_table
from .tables import SUMMARY

TABLES = ["summary.parquet", "elements.parquet", "motifs.parquet", "annotations.parquet"]
KEYS = ["model", "readout", "target"]
KINDS = ["motif", "annotation"]
"""All kinds of elements but controls."""

HINTS = 8
"""How many names an error lists."""

MOST_WORDS = 100_000
"""Among how many words of names one like an unknown name is looked for, motifs' first: seconds of work."""


def require_results(folder: str | Path) -> Path:
    """`folder` as a path.

    Raises:
        InputError: it is not the results of a finished screen, by this version.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}; give a screen's results, such as results/demo")
    missing = [name for name in [*TABLES, "provenance.json"] if not (folder / name).is_file()]
    if missing:
        inner = sorted(path.parent for path in folder.glob("*/summary.parquet"))
        remedy = f"did you mean {_some(inner)}?" if inner else "let snakemake finish the screen"
        raise InputError(f"{folder} is not the results of a finished screen: it has no {', '.join(missing)}; {remedy}")
    with whole_table(folder / "summary.parquet"):
        known = pq.read_schema(folder / "summary.parquet").names
    older = [name for name in SUMMARY.names if name not in known]
    if older:
        raise InputError(f"{folder} is of another version: its summary has no {_some(older)}; run its screen again")
    return folder


def read_config(results: Path) -> dict[str, Any]:
    """The config of the screen, as resolved; an InputError when its provenance is damaged."""
    try:
        return json.loads((results / "provenance.json").read_text())["config"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{results / 'provenance.json'} is damaged: {error!r}; run snakemake again") from error


def level_of(config: dict[str, Any]) -> float | None:
    """The level of `significant`; None for a screen without controls."""
    controls = config["elements"].get("controls")
    return None if controls is None else controls["level"]


def read_summary(results: Path, columns: list[str], **filters: str | list[str] | None) -> pd.DataFrame:
    """Columns of the summary's rows, in its order.

    Args:
        results: the folder.
        columns: their names.
        **filters: a value, or several allowed ones, of any columns: `kind=KINDS` leaves out controls. None allows all.

    Returns:
        The columns as pandas reads them, but `significant` as nullable booleans.

    Raises:
        InputError: the summary is damaged.
    """
    return _read(results / "summary.parquet", columns, **filters)


def summary_keys(results: Path) -> pd.DataFrame:
    """The distinct (model, readout, target) of the summary, in its order: strings, columns `KEYS`."""
    path = results / "summary.parquet"
    with whole_table(path), pq.ParquetFile(path, page_checksum_verification=True) as file:
        found = [
            pa.Table.from_batches([batch]).group_by(KEYS, use_threads=False).aggregate([]).to_pandas().astype("str")
            for batch in file.iter_batches(columns=KEYS)
        ]
    return pd.concat(found).drop_duplicates().sort_values(KEYS, ignore_index=True)


def element_names(results: Path) -> pd.DataFrame:
    """The names of elements: a row for each motif, then for each annotation; columns name, kind and element_id."""
    tables = [_read(results / f"{kind}s.parquet", ["name", "element_id"]).assign(kind=kind) for kind in KINDS]
    return pd.concat(tables, ignore_index=True)[["name", "kind", "element_id"]]


def read_element(results: Path, element_id: str) -> pd.DataFrame:
    """The row of `elements.parquet` of an element, or control; no row for an unknown one."""
    return _read(results / "elements.parquet", None, element_id=element_id)


def find_element(results: Path, text: str) -> str:
    """The element_id of what is asked for by it, by a name, or by a part that only one element's names have.

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
    if len(found):
        n = found["element_id"].nunique()
        distinct = found.drop_duplicates("name")
        listed = [f"{name} ({of})" for name, of in zip(distinct["name"], distinct["element_id"], strict=True)]
        raise InputError(f"{text!r} fits {n} elements: {_some(listed)}; give more of the name, or an element_id")
    # A factor's name is a word of its motif's.
    words = {word: name for name in names["name"].unique() for word in (name.lower(), *name.lower().split())}
    near = [words[word] for word in difflib.get_close_matches(text.lower(), islice(words, MOST_WORDS), n=HINTS)]
    hint = f"near it are {_some(dict.fromkeys(near))}" if near else "motifs.parquet and annotations.parquet have all"
    raise InputError(f"there is no element {text!r}; {hint}")


def require_known(value: str, known: Iterable[str], what: str) -> None:
    """An InputError that names the nearest of `known`, or some, unless `value` is among them."""
    known = list(dict.fromkeys(known))
    if value not in known:
        near = difflib.get_close_matches(value, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {_some(known)}"
        raise InputError(f"there is no {what} {value!r}; {hint}")


def strongest(rows: pd.DataFrame) -> pd.DataFrame:
    """Of each element in rows of one model, readout and target that with the best rank, best first."""
    return rows.sort_values("rank", kind="stable").drop_duplicates("element_id")


def _read(path: Path, columns: list[str] | None, **filters: str | list[str] | None) -> pd.DataFrame:
    conditions = [
        (column, "in" if isinstance(value, list) else "==", value)
        for column, value in filters.items()
        if value is not None
    ]
    with whole_table(path):
        table = pq.read_table(path, columns=columns, filters=conditions or None, page_checksum_verification=True)
    # Booleans with missing ones would become a column of objects.
    return table.to_pandas(types_mapper={pa.bool_(): pd.BooleanDtype()}.get)


def _some(names: Iterable[Any]) -> str:
    names = [str(name) for name in names]
    more = len(names) - HINTS
    return ", ".join(names[:HINTS]) + (f" and {more} more" if more > 0 else "")
