"""Elements: what a screen substitutes. Motifs, annotations and pairs of equal sequence are one, computed once."""

from __future__ import annotations

import difflib
from typing import NamedTuple

import pandas as pd

from ..config.sections import Config, Measured
from ..config.sections.substitutions import Motifs
from ..errors import InputError
from ..inputs.annotations import read_annotations
from ..inputs.model_tables import read_measured
from ..inputs.motifs import Motif, distinct_names, motif_sequences, read_jaspar, read_motifs, trim
from ..sequences.letters import UNKNOWN, identifier
from .control_pairs import draw_control_pairs
from .controls import draw_controls, draw_genomic, missing_controls
from .pairs import IDS, PairSequences, id_prefixes, pair_rows, read_arrangements, read_pairs
from .placement import last_start

CONTROL_KINDS = ["control", "control_pair", "control_part", "genomic"]
"""The kinds of elements that are there for others to be compared with."""

NAMES_SHOWN = 8
"""An element that many motifs or annotations share has the names of the first few, and how many more there are."""


class Elements(NamedTuple):
    """The tables of a screen's elements, and of the motifs, annotations, pairs and control pairs that they come from.

    Also how many motifs and annotations were left out for being N alone, and what a person should know of all this,
    one line each.
    """

    elements: pd.DataFrame
    motifs: pd.DataFrame
    annotations: pd.DataFrame
    pairs: pd.DataFrame
    dropped: dict[str, int]
    warnings: list[str]
    control_pairs: pd.DataFrame
    arrangements: pd.DataFrame


def read_elements(config: Config) -> Elements:
    """Read the elements of a resolved config.

    Returns:
        elements, controls and pairs and their parts among them, sorted by element_id; motifs, annotations, pairs and
        their controls in the order of the config, with their element_id, pairs also with `first_id` and `second_id` of
        their parts.

    Raises:
        InputError: there are none, one does not fit into the backgrounds where it is to be placed, or a pair is of a
            motif that there is not, or nothing of what a lab measured is among them.
    """
    all_motifs, all_annotations = _read_motifs(config), _read_annotations(config)
    motifs, annotations = _without_n_alone(all_motifs, "motif_id"), _without_n_alone(all_annotations, "annotation_id")
    dropped = {"motifs": len(all_motifs) - len(motifs), "annotations": len(all_annotations) - len(annotations)}
    warnings = _of_dropped(dropped)
    text = ["element_id", "name", "sequence", "source"]
    tables = [
        table[text].astype("str").assign(kind=kind) for kind, table in (("motif", motifs), ("annotation", annotations))
    ]
    both = pd.concat(tables, ignore_index=True)
    if both.empty and warnings:
        raise InputError(f"config: elements: {warnings[0]}, and there are no others")
    if both.empty:
        raise InputError("config: elements: give at least one table of motifs or annotations")
    _check_fit(both, config)

    elements = _distinct(both)
    if spec := config.elements.controls:
        controls = draw_controls(elements, spec, config.seed)
        warnings += missing_controls(elements, controls, spec)
        elements = pd.concat([elements, controls]).sort_values("element_id", ignore_index=True)
    pairs = read_pairs(config.elements.pairs, all_motifs, config.length)
    control_pairs = draw_control_pairs(pairs, all_motifs, spec, config.seed)
    if len(pairs):
        beside = id_prefixes(elements)
        rows = pair_rows(pairs, "pair", "part", beside)
        _check_fit(rows[rows["kind"] == "pair"], config)
        elements = _with_pairs(elements, rows)
        if len(control_pairs):
            # After the pairs, so that a part that both have keeps the pair's name.
            elements = _with_pairs(elements, pair_rows(control_pairs, "control_pair", "control_part", beside))
    for table in (pairs, control_pairs):
        _add_ids(table, elements)
    arrangements = read_arrangements(config.elements.arrangements, all_motifs, config.length)
    elements = _with_arrangements(elements, arrangements, config)
    if spec and spec.genomic:
        # The last, so that whatever else has a sequence keeps its kind.
        drawn, few = draw_genomic(elements, both["sequence"].str.len(), spec.genomic, config.seed)
        warnings += few
        elements = pd.concat([elements, drawn]).sort_values("element_id", ignore_index=True)
        _check_ids(elements)
    for measured in config.measured:
        measured_elements(measured, elements, motifs, annotations)
    return Elements(elements, motifs, annotations, pairs, dropped, warnings, control_pairs, arrangements)


def _without_n_alone(table: pd.DataFrame, number: str) -> pd.DataFrame:
    """The rows that have something to substitute, numbered in the column `number`."""
    table = table[table["sequence"].str.strip(UNKNOWN).astype("str") != ""].reset_index(drop=True)
    table.insert(0, number, range(len(table)))
    return table


def _of_dropped(dropped: dict[str, int]) -> list[str]:
    """A line on what was left out, if anything was."""
    counts = " and ".join(f"{n:,} {what if n > 1 else what[:-1]}" for what, n in dropped.items() if n)
    return [f"{counts} of N alone left out: there is nothing in them to substitute"] if counts else []


def _distinct(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of equal element_id as one element, of the first one's kind and source, sorted by element_id."""
    ids = rows["element_id"]
    firsts = ids.drop_duplicates().sort_values().index
    elements = rows.loc[firsts, ["element_id", "kind", "sequence", "source", "name"]].reset_index(drop=True)
    shared = rows[ids.duplicated(keep=False)]
    _check_ids(shared.drop_duplicates("sequence"))
    joined = {element_id: _join_names(names) for element_id, names in shared.groupby("element_id")["name"]}
    elements["name"] = [joined.get(*row) for row in zip(elements["element_id"], elements["name"], strict=True)]
    elements["width"] = elements["sequence"].str.len()
    elements["control_of"] = None
    return elements


def _ids_of(elements: pd.DataFrame) -> pd.Series:
    """The element_id of each sequence."""
    return elements.set_index("sequence")["element_id"]


def _add_ids(pairs: pd.DataFrame, elements: pd.DataFrame) -> None:
    """Give pairs the element_ids of themselves and of their parts."""
    ids = _ids_of(elements) if len(pairs) else pd.Series(dtype=object)
    for which, column in zip(PairSequences._fields, IDS, strict=True):
        pairs[column] = ids.loc[pairs[f"{which}_sequence"]].to_numpy()


def _with_pairs(elements: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Elements, and those of the rows of pairs and parts whose sequence none of them has."""
    new = _distinct(rows[~rows["sequence"].isin(elements["sequence"])])
    elements = pd.concat([elements, new]).sort_values("element_id", ignore_index=True)
    _check_ids(elements)
    return elements


def _with_arrangements(elements: pd.DataFrame, arrangements: pd.DataFrame, config: Config) -> pd.DataFrame:
    """Elements, and those arrangements whose sequence none of them has; gives arrangements their element_ids."""
    arrangements["element_id"] = [identifier(sequence) for sequence in arrangements["sequence"]]
    if arrangements.empty:
        return elements
    of_arrangements = arrangements.assign(kind="arrangement")
    _check_fit(of_arrangements, config)
    elements = _with_pairs(elements, of_arrangements)
    # What is a pair or a control already has the id of that.
    arrangements["element_id"] = _ids_of(elements)[arrangements["sequence"]].to_numpy()
    return elements


def _check_ids(rows: pd.DataFrame) -> None:
    """Raise when rows of different sequences have the same element_id."""
    clash = rows["element_id"].duplicated()
    if clash.any():
        raise InputError(
            f"two sequences share the element_id {rows['element_id'][clash].iloc[0]}; change either by a base"
        )


def measured_elements(
    spec: Measured, elements: pd.DataFrame, motifs: pd.DataFrame, annotations: pd.DataFrame
) -> pd.DataFrame:
    """What a lab measured of motifs and annotations, and which elements it is of.

    Returns:
        `of`, the name or sequence that was measured, `measured`, and `element_id`: a row for each element of each.

    Args:
        spec: a section of the config's `measured`.
        elements, motifs, annotations: as `Elements` has them.

    Raises:
        InputError: the table can not be used, or is of none of them.
    """
    key, values = read_measured(spec.file, spec.column)
    if key == "sequence":
        named = motifs_and_annotations(elements)[["sequence", "element_id"]]
    else:
        named = pd.concat([motifs[["name", "element_id"]], annotations[["name", "element_id"]]]).drop_duplicates()
    named = named.assign(measured=named[key].map(values)).dropna(subset=["measured"])
    if named.empty:
        near = difflib.get_close_matches(next(iter(values)), named_values := elements["name"].tolist(), n=1, cutoff=0)
        hint = "" if key == "sequence" or not named_values else f"; they are called as {near[0]} is"
        raise InputError(
            f"config: measured: {spec.file} measures {len(values):,} by {key}, such as {next(iter(values))}, and none "
            f"of them is a motif or annotation of the screen{hint}"
        )
    return named.rename(columns={key: "of"})[["of", "measured", "element_id"]]


def motifs_and_annotations(elements: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table of elements that are motifs or annotations: no controls, pairs or parts of pairs."""
    return elements[elements["kind"].isin(["motif", "annotation"])]


def _read_table(table: Motifs) -> list[Motif]:
    if table.jaspar:
        of = table.jaspar
        return read_jaspar(of.release, of.collection, of.tax_group, of.tf_class, of.tf_family)
    assert table.file is not None
    return read_motifs(table.file, table.format, table.trim_contribution)


def _read_motifs(config: Config) -> pd.DataFrame:
    rows = []
    for table in config.elements.motifs:
        for motif in _read_table(table):
            if table.trim is not None and motif.matrix is not None:
                motif = trim(motif, table.trim)
            rows.append((motif, table))
    names = distinct_names([motif for motif, _ in rows])
    records = []
    for motif, (_, table) in zip(names, rows, strict=True):
        sequences = motif_sequences(
            motif,
            table.sequences,
            n=table.samples,
            min_information=table.min_information,
            seed=config.seed,
        )
        for i, sequence in enumerate(sequences):
            name = f"{motif.name}/{i}" if table.sequences == "sampled" else motif.name
            matrix = None if motif.matrix is None else motif.matrix.tolist()
            kinds = motif.tf_class or None, motif.tf_family or None
            records.append((name, motif.source, identifier(sequence), matrix, *kinds, sequence))
    return pd.DataFrame(
        records, columns=["name", "source", "element_id", "matrix", "tf_class", "tf_family", "sequence"]
    )


def _read_annotations(config: Config) -> pd.DataFrame:
    tables = [
        read_annotations(
            table.file,
            table.genome,
            format=table.format,
            summit_flank=table.summit_flank,
            max_width=table.max_width,
            stranded=table.stranded,
            patterns=table.patterns,
        )
        for table in config.elements.annotations
    ]
    columns = ["name", "chrom", "start", "end", "strand", "sequence", "n_unknown", "source"]
    frame = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)
    frame["element_id"] = [identifier(sequence) for sequence in frame["sequence"]]
    return frame


def _join_names(names: pd.Series) -> str:
    distinct = list(dict.fromkeys(names))
    more = len(distinct) - NAMES_SHOWN
    return ";".join(distinct[:NAMES_SHOWN]) + (f";+{more}" if more > 0 else "")


def _check_fit(rows: pd.DataFrame, config: Config) -> None:
    """Raise for the widest motif or annotation when it does not fit into the backgrounds at every start."""
    length = config.length
    width = rows["sequence"].str.len()
    last = length - int(width.max())
    widest = rows.loc[width.idxmax()]
    place = f"{widest['name']} ({widest['source']}) has {width.max()} bases"
    if last < 0:
        raise InputError(
            f"{place}, more than the backgrounds' {length}; {(width > length).sum()} such: clip annotations with "
            f"max_width, trim motifs, or set backgrounds.length"
        )
    latest = last_start(config.placement, last)
    if latest > last:
        raise InputError(
            f"{place} and runs off the end of the backgrounds' {length} when it begins at placement.start {latest}; "
            f"{(width > length - latest).sum()} such: the last start that fits all is {last}"
        )
