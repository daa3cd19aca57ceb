"""The screens that are compared: read, called by names that differ, and their elements known by their letters.

An element is its sequence: what is substituted is the same in two screens where its letters are, whatever motif,
interval or id they came from. Of one name but other letters are two elements.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ...config.sections import Config
from ...errors import InputError
from ...store.paths import Results
from ...store.reading import read_table
from ...store.schemas import BACKGROUNDS, ELEMENTS
from ..results import KINDS, read_annotations, read_config, require_results

READ = [*KINDS, "control"]
"""The kinds of elements that are read."""


class Screen(NamedTuple):
    """A screen among others.

    Fields:
        name: that no other of them has.
        results: where they lie.
        config: as resolved.
        provenance: all that provenance.json has.
        elements: rows of elements.parquet by element_id, of motifs, annotations and controls, and `number`: that of the
            element, or of a control's element, among those of all screens.
        numbers: the number of each motif and annotation, by its element_id.
        sites: the columns name and element_id of annotations.parquet.
        backgrounds: their sequences, in order.
    """

    name: str
    results: Results
    config: Config
    provenance: dict[str, Any]
    elements: pd.DataFrame
    numbers: pd.Series
    sites: pd.DataFrame
    backgrounds: list[str]


class Compared(NamedTuple):
    """The screens, and what any screened: name, kind, sequence and source by number, as the first that has it says."""

    screens: list[Screen]
    elements: pd.DataFrame

    @property
    def names(self) -> list[str]:
        return [screen.name for screen in self.screens]


def read_screens(folders: list[str]) -> Compared:
    """The screens whose results lie in folders.

    Raises:
        InputError: there are fewer than two, one is no finished screen, or none has an element of the first.
    """
    if len(folders) < 2:
        raise InputError(f"{folders[0]} is one screen; give two or more, or open {folders[0]}/report.html")
    found = [require_results(folder) for folder in folders]
    configs = [read_config(results) for results in found]
    tables = [_elements(results) for results in found]
    every = pd.concat([table[table["kind"] != "control"] for table in tables])
    elements = every.drop_duplicates("sequence").reset_index(drop=True)
    number = pd.Series(elements.index, index=elements["sequence"])
    screens = []
    for name, results, config, table in zip(_names(found, configs), found, configs, tables, strict=True):
        parent = table["control_of"].where(table["kind"] == "control", table.index.to_series())
        own = table["sequence"].reindex(parent).map(number)
        backgrounds = read_table(results.table("backgrounds"), BACKGROUNDS, ["sequence"])["sequence"].tolist()
        screens.append(
            Screen(
                name=name,
                results=results,
                config=config,
                provenance=json.loads(results.provenance.read_text()),
                elements=table.assign(number=own.to_numpy()),
                numbers=pd.Series(own.to_numpy(), index=table.index)[table["kind"] != "control"],
                sites=read_annotations(results)[["name", "element_id"]].drop_duplicates(),
                backgrounds=backgrounds,
            )
        )
    first = screens[0]
    for other in screens[1:]:
        if not np.isin(other.numbers, first.numbers).any():
            raise InputError(
                f"{first.results} and {other.results} have no element in common, by their letters; compare screens of "
                "the same motifs or annotations"
            )
    return Compared(screens, elements[["name", "kind", "sequence", "source"]])


def _elements(results: Results) -> pd.DataFrame:
    rows = ("kind", lambda kind: pc.is_in(kind, pa.array(READ)))
    columns = ["element_id", "name", "kind", "sequence", "width", "source", "control_of"]
    return read_table(results.table("elements"), ELEMENTS, columns, rows).set_index("element_id")


def _names(found: list[Results], configs: list[Config]) -> list[str]:
    """What the screens call themselves; their folders where two say the same, numbered where these are the same."""
    names = [config.screen for config in configs]
    if len(set(names)) < len(names):
        parts = [Path(results.folder).resolve().parts for results in found]
        shared = [of for of in zip(*parts, strict=False) if len(set(of)) == 1]
        paths = ["/".join(part for part in own if (part,) * len(parts) not in shared) for own in parts]
        names = [path or name for path, name in zip(paths, names, strict=True)]
    seen = Counter[str]()
    for i, name in enumerate(names):
        seen[name] += 1
        names[i] = f"{name} ({seen[name]})" if seen[name] > 1 else name
    return names
