"""`export`: the effects of a screen for other programs, in the format that the file's name ends in."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from ..config.checks import readouts_of
from ..errors import InputError
from ..inputs.genome import Genome
from ..store.files import whole_file
from ..store.paths import Results
from ..store.schemas import SUMMARY
from ..view.findings import strongest
from ..view.results import (
    KEYS,
    PLACED,
    read_annotations,
    read_config,
    read_views,
    require_results,
    summary_keys,
)
from .shared.options import Commands, add_keys, add_results, choices, chosen

OBSERVED = [*PLACED, "name", "kind", "sequence"]
LAYERS = {"z": "control_z", "q": "element_q"}
"""Columns of the summary that are layers of an AnnData."""

Key = dict[str, str]
"""A model, a readout and a target, by `KEYS`."""


def add_to(commands: Commands) -> None:
    about = "write the effects for other programs"
    more = (
        "FILE ends in .csv or .tsv: the summary's rows of motifs and annotations; .bedgraph or .bw: the mean effect of "
        "annotations at their places in the genome, for a browser; .h5ad: an AnnData of elements x targets, with z "
        "and q as layers."
    )
    parser = commands.add_parser("export", help=about, description=f"{about.capitalize()}. {more}")
    parser.set_defaults(command=_export)
    add_results(parser)
    parser.add_argument("file", help="the file to write")
    add_keys(parser)


def _export(console: Console, arguments: argparse.Namespace) -> None:
    results, path = require_results(arguments.results), Path(arguments.file)
    write = FORMATS.get(path.suffix.lower())
    if write is None:
        raise InputError(f"{path} ends in none of {', '.join(FORMATS)}; name the file after the format that it is for")
    keys = chosen(summary_keys(results), arguments)
    n = write(results, keys, path)
    console.print(f"{path}: {n}", soft_wrap=True)


def _write_text(results: Results, keys: list[Key], path: Path) -> str:
    n = 0
    with whole_file(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        for rows in read_views(results, SUMMARY.names, keys):
            rows.to_csv(file, sep="\t" if path.suffix.lower() == ".tsv" else ",", header=n == 0, index=False)
            n += len(rows)
    return f"{n:,} rows"


def _write_bedgraph(results: Results, keys: list[Key], path: Path) -> str:
    table, n = _track(results, keys, path)
    with whole_file(path) as temporary:
        table.to_csv(temporary, sep="\t", header=False, index=False, float_format="%.6g")
    return f"{len(table):,} intervals of {n:,} annotations"


def _write_bigwig(results: Results, keys: list[Key], path: Path) -> str:
    try:
        import pyBigWig
    except ImportError as error:
        raise InputError("pyBigWig is not installed here; pip install 'marginalization[bigwig]'") from error
    table, n = _track(results, keys, path)
    lengths = _chromosomes(results, table["chrom"].unique())
    with whole_file(path) as temporary:
        file = pyBigWig.open(str(temporary), "w")
        file.addHeader(sorted(lengths.items()))
        for chrom, rows in table.groupby("chrom", sort=True):
            starts, ends, effects = (rows[column].tolist() for column in ("start", "end", "effect"))
            file.addEntries([chrom] * len(rows), starts, ends=ends, values=effects)
        file.close()
    return f"{len(table):,} intervals of {n:,} annotations"


def _chromosomes(results: Results, needed: Iterable[str]) -> dict[str, int]:
    """How long each chromosome is, by the genomes that the annotations' sequences are of."""
    lengths: dict[str, int] = {}
    for table in read_config(results).elements.annotations:
        if table.genome:
            if not Path(table.genome).is_file():
                raise InputError(
                    f"{table.genome}, the genome of {table.file}, says how long chromosomes are, and is not here; run "
                    f"this in the folder where the screen ran, or export a .bedgraph"
                )
            with Genome(table.genome) as genome:
                for chrom, length in genome.lengths.items():
                    if lengths.setdefault(chrom, length) != length:
                        raise InputError(f"{chrom} has two lengths in the genomes of the screen; export a .bedgraph")
    if missing := sorted(set(needed) - lengths.keys()):
        raise InputError(f"no genome of the screen says how long {missing[0]} is; export a .bedgraph")
    return lengths


def _track(results: Results, keys: list[Key], path: Path) -> tuple[pd.DataFrame, int]:
    """Of each base the mean effect of the annotation on it that does most, on the strand and start of its best rank.

    Returns:
        Sorted intervals that do not overlap: chrom, start, end, effect. And the number of annotations.
    """
    if len(keys) > 1:
        raise InputError(f"a {path.suffix} is of one model, readout and target; choose with {choices(keys, KEYS)}")
    annotations = read_annotations(results)
    if annotations.empty:
        raise InputError(f"{results} has no annotations, and motifs have no place in a genome; export a .csv")
    (rows,) = read_views(results, [*PLACED, "rank", "effect_mean"], keys)
    neutral = readouts_of(read_config(results))[keys[0]["readout"]].scale.neutral
    placed = annotations.merge(strongest(rows, neutral)[["element_id", "effect_mean"]], on="element_id")
    painted = [_painted(chrom, of, neutral) for chrom, of in placed.groupby("chrom", sort=True)]
    return pd.concat(painted, ignore_index=True), len(placed)


def _painted(chrom: str, placed: pd.DataFrame, neutral: float) -> pd.DataFrame:
    """Intervals of a chromosome that do not overlap: chrom, start, end and the effect that is farthest from none."""
    edges = np.unique(placed[["start", "end"]].to_numpy())
    values = np.full(len(edges) - 1, np.nan)
    weakest_first = placed.iloc[np.argsort((placed["effect_mean"] - neutral).abs(), kind="stable")]
    firsts, ends = (np.searchsorted(edges, weakest_first[column]) for column in ("start", "end"))
    for first, end, effect in zip(firsts, ends, weakest_first["effect_mean"], strict=True):
        values[first:end] = effect
    table = pd.DataFrame({"chrom": chrom, "start": edges[:-1], "end": edges[1:], "effect": values})
    return table.dropna(subset="effect")


def _write_anndata(results: Results, keys: list[Key], path: Path) -> str:
    try:
        from anndata import AnnData
    except ImportError as error:
        raise InputError("anndata is not installed here; pip install 'marginalization[export]'") from error
    columns = ["effect_mean", *LAYERS.values()]
    found = [rows.set_index(PLACED) for rows in read_views(results, [*OBSERVED, *columns], keys)]
    observed = found[0][OBSERVED[len(PLACED) :]].reset_index()
    matrices = {
        column: np.stack([rows[column].reindex(found[0].index).to_numpy(np.float64) for rows in found], axis=1)
        for column in columns
    }
    observed.index = pd.Index([":".join(map(str, placed)) for placed in found[0].index])
    of_targets = pd.DataFrame(keys, index=pd.Index(["/".join(key.values()) for key in keys]))
    data = AnnData(matrices["effect_mean"], obs=observed.astype({"strand": "category"}), var=of_targets)
    for layer, column in LAYERS.items():
        data.layers[layer] = matrices[column]
    with whole_file(path) as temporary:
        data.write_h5ad(temporary)
    return f"{data.n_obs:,} elements on strands at starts x {data.n_vars:,} targets"


FORMATS: dict[str, Callable[[Results, list[Key], Path], str]] = {
    ".csv": _write_text,
    ".tsv": _write_text,
    ".bedgraph": _write_bedgraph,
    ".bw": _write_bigwig,
    ".h5ad": _write_anndata,
}
"""What writes a file of a suffix, and says how much."""
