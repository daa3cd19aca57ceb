"""Elements: what a screen substitutes. Motifs and annotations of equal sequence are one element, computed once."""

from __future__ import annotations

from typing import Any, NamedTuple

import pandas as pd

from .annotations import read_annotations
from .controls import draw_controls
from .errors import InputError
from .motifs import distinct_names, motif_sequences, read_jaspar, read_motifs, trim
from .placement import starts
from .sequence import identifier

NAMES_SHOWN = 8
"""An element that many motifs or annotations share has the names of the first few, and how many more there are."""


class Elements(NamedTuple):
    """The tables of a screen's elements, and of the motifs and annotations that they come from."""

    elements: pd.DataFrame
    motifs: pd.DataFrame
    annotations: pd.DataFrame


def read_elements(config: dict[str, Any]) -> Elements:
    """Read the elements of a resolved config.

    Returns:
        elements, controls among them, sorted by element_id; motifs and annotations in the order of the config, with
        their element_id.

    Raises:
        InputError: there are none, or one does not fit into the backgrounds where it is to be placed.
    """
    motifs = _read_motifs(config)
    annotations = _read_annotations(config)
    text = ["element_id", "name", "sequence", "source"]
    tables = [
        table[text].astype("str").assign(kind=kind) for kind, table in (("motif", motifs), ("annotation", annotations))
    ]
    both = pd.concat(tables, ignore_index=True)
    if both.empty:
        raise InputError("config: elements: give at least one table of motifs or annotations")
    _check_fit(both, config)

    ids = both["element_id"]
    firsts = ids.drop_duplicates().sort_values().index
    elements = both.loc[firsts, ["element_id", "kind", "sequence", "source", "name"]].reset_index(drop=True)
    shared = both[ids.duplicated(keep=False)].groupby("element_id")
    joined = {element_id: _join_names(names) for element_id, names in shared["name"]}
    elements["name"] = [joined.get(*row) for row in zip(elements["element_id"], elements["name"], strict=True)]
    elements["width"] = elements["sequence"].str.len()
    elements["control_of"] = None
    clash = shared["sequence"].nunique() > 1
    if clash.any():
        raise InputError(f"two sequences share the element_id {clash.idxmax()}; change either by a base")
    if spec := config["elements"].get("controls"):
        controls = draw_controls(elements, spec, config["seed"])
        elements = pd.concat([elements, controls]).sort_values("element_id", ignore_index=True)
    return Elements(elements, motifs, annotations)


def without_controls(elements: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table of elements that are motifs or annotations."""
    return elements[elements["kind"] != "control"]


def _read_motifs(config: dict[str, Any]) -> pd.DataFrame:
    rows = []
    for table in config["elements"].get("motifs", []):
        read = read_jaspar(**table["jaspar"]) if "jaspar" in table else read_motifs(table["file"], table["format"])
        for motif in read:
            if table["trim"] is not None and motif.matrix is not None:
                motif = trim(motif, table["trim"])
            rows.append((motif, table))
    names = distinct_names([motif for motif, _ in rows])
    records = []
    for motif, (_, table) in zip(names, rows, strict=True):
        sequences = motif_sequences(
            motif,
            table["sequences"],
            n=table["samples"],
            min_information=table["min_information"],
            seed=config["seed"],
        )
        for i, sequence in enumerate(sequences):
            name = f"{motif.name}/{i}" if table["sequences"] == "sampled" else motif.name
            matrix = None if motif.matrix is None else motif.matrix.tolist()
            records.append((name, motif.source, identifier(sequence), matrix, sequence))
    frame = pd.DataFrame(records, columns=["name", "source", "element_id", "matrix", "sequence"])
    frame.insert(0, "motif_id", range(len(frame)))
    return frame


def _read_annotations(config: dict[str, Any]) -> pd.DataFrame:
    tables = [
        read_annotations(
            table["file"],
            table["genome"],
            format=table["format"],
            summit_flank=table["summit_flank"],
            max_width=table["max_width"],
            stranded=table["stranded"],
        )
        for table in config["elements"].get("annotations", [])
    ]
    columns = ["name", "chrom", "start", "end", "strand", "sequence", "n_unknown", "source"]
    frame = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)
    frame.insert(0, "annotation_id", range(len(frame)))
    frame["element_id"] = [identifier(sequence) for sequence in frame["sequence"]]
    return frame


def _join_names(names: pd.Series) -> str:
    distinct = list(dict.fromkeys(names))
    more = len(distinct) - NAMES_SHOWN
    return ";".join(distinct[:NAMES_SHOWN]) + (f";+{more}" if more > 0 else "")


def _check_fit(rows: pd.DataFrame, config: dict[str, Any]) -> None:
    """Raise for the widest motif or annotation when it does not fit into the backgrounds at every start."""
    length = config["backgrounds"]["length"]
    latest = starts(config["placement"])[-1] or 0
    width = rows["sequence"].str.len()
    too_long = rows[width > length - latest]
    if too_long.empty:
        return
    widest = too_long.loc[width.idxmax()]
    place = f"{widest['name']} ({widest['source']}) has {width.max()} bases"
    if width.max() > length:
        raise InputError(
            f"{place}, more than the backgrounds' {length}; {len(too_long)} such: clip annotations with max_width, "
            f"trim motifs, or set backgrounds.length"
        )
    raise InputError(
        f"{place} and runs off the end of the backgrounds' {length} when it begins at placement.start {latest}; "
        f"{len(too_long)} such: the last start that fits all is {length - int(width.max())}"
    )
