"""Instances: annotations in their own loci, each to be ablated there, and the stretches that it is compared with.

A locus is what a model sees of the genome around an instance: of the models' length, centred on what is replaced. In it
the instance, and then as many stretches of its width elsewhere, are replaced in the same way, one at a time.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ..config.ablations import ablated_tables, n_constructs, n_replaced
from ..config.sections import Config
from ..config.sections.substitutions import REPLACEMENTS, Ablations, Annotations, Controls
from ..errors import InputError
from ..inputs.annotations import read_annotations
from ..inputs.genome import Genome
from ..sequences.letters import UNKNOWN, identifier, named_generator
from ..sequences.shuffle import dinucleotide_shuffle, shuffle
from ..store.paths import shard_label
from .shards import element_ranges, jobs_of, shard_count, short_digest

COLUMNS = ["instance_id", "name", "chrom", "start", "end", "strand", "width", "locus_start", "genome", "source"]


LETTERS = 2**24
"""About how many letters of a genome are in memory at a time."""


class Instances(NamedTuple):
    """The instances of a screen, and what a person should know of them, one line each.

    Fields:
        table: sorted by instance_id, with `COLUMNS`, where start and end are those of what is replaced (0-based,
            half-open), and `elsewhere`: where in the locus each of the others begins.
        digests: for each instance of all that its replacements depend on, but for the section `ablations`.
        warnings: on those that were left out.
    """

    table: pd.DataFrame
    digests: list[str]
    warnings: list[str]


def read_instances(config: Config) -> Instances:
    """Read the annotations that are to be ablated, and draw the stretches that they are compared with.

    Raises:
        InputError: an annotation does not fit, or there is no room in its locus for the others, or none is left.
    """
    spec, length = config.elements.ablations, config.length
    assert spec
    tables = ablated_tables(config)
    table = pd.concat([_read(annotations, spec, length) for annotations in tables], ignore_index=True)
    n_read = len(table)
    table = table.drop_duplicates("instance_id").sort_values("instance_id", ignore_index=True)
    others = _neighbours(table, length)
    dropped = {"twice in the tables": n_read - len(table), "too near a chromosome's end": 0, "with an N in it": 0}
    elsewhere = np.empty((len(table), spec.elsewhere), dtype=np.int32)
    digests: dict[int, str] = {}
    for row, locus in loci(table, length):
        if locus is None:
            dropped["too near a chromosome's end"] += 1
        elif UNKNOWN in locus[row.start - row.locus_start :][: row.width]:
            dropped["with an N in it"] += 1
        else:
            elsewhere[row.Index] = chosen = _elsewhere(row, locus, others[row.Index], spec, config.seed)
            digests[row.Index] = identifier(f"{row.instance_id} {locus} {row.start - row.locus_start} {chosen}")
    counts = [(f"{n:,} instance{'s' * (n > 1)}", why) for why, n in dropped.items() if n]
    warnings = [f"elements.ablations: {instances} left out: {why}" for instances, why in counts]
    if not digests:
        raise InputError(f"config: elements.ablations: there is nothing to ablate: {'; '.join(warnings)}")
    table = table.loc[list(digests)].assign(elsewhere=list(elsewhere[list(digests)])).reset_index(drop=True)
    level = (config.elements.controls or Controls()).level
    return Instances(table, list(digests.values()), warnings + _too_few(table, spec, level))


def _too_few(table: pd.DataFrame, spec: Ablations, level: float) -> list[str]:
    """A line where no name has enough instances to be significant, as every smallest p-value is over the level."""
    most = int(table["name"].value_counts().iloc[0])
    least = 2 * (1 + spec.elsewhere) ** -most
    if least < level:
        return []
    return [
        f"elements.ablations: no name has more than {most} instance{'s' * (most > 1)}, and of so many no p-value is "
        f"under {least:.2g}, so that nothing can be significant: name annotations after their motifs, or set "
        f"`elsewhere` to more"
    ]


def plan_ablations(config: Config, raw: dict[str, Any], models: dict[str, str]) -> tuple[dict[str, Any], list[str]]:
    """What a plan says of the config's ablations, if there are any, and what a person should know of them."""
    if (spec := config.elements.ablations) is None:
        return {"ablation_jobs": {}, "instances_digest": "", "n_instances": 0, "n_ablations": 0}, []
    read = read_instances(config)
    each = n_constructs(spec)
    n_shards = shard_count(len(read.table) * each, config.shards.marginals)
    made_by = json.dumps([raw["elements"]["ablations"], config.seed], sort_keys=True)
    digests = {
        label: short_digest([made_by, *read.digests[rows]])
        for label, rows in element_ranges(read.table["instance_id"].tolist(), n_shards).items()
    }
    return {
        "ablation_jobs": jobs_of(models, digests, {shard_label(0, 1): ""}),
        "instances_digest": short_digest(digests.values()),
        "n_instances": len(read.table),
        "n_ablations": len(models) * len(read.table) * each,
    }, read.warnings


def loci(table: pd.DataFrame, length: int) -> Iterator[tuple[Any, str | None]]:
    """Each row of some instances and its locus: forward, upper-case letters; None where that leaves its chromosome."""
    at_once = max(1, LETTERS // length)
    with contextlib.ExitStack() as stack:
        genomes = {path: stack.enter_context(Genome(str(path))) for path in table["genome"].unique()}
        for first in range(0, len(table), at_once):
            some = table.iloc[first : first + at_once]
            letters: dict[Any, str] = {}
            for path, rows in some.groupby("genome", sort=False, observed=True):
                regions = pd.DataFrame({"chrom": rows["chrom"], "start": rows["locus_start"]})
                regions["end"] = regions["start"] + length
                inside = ~genomes[path].outside(regions)
                found = genomes[path].sequences(regions[inside], rows["source"][inside])
                letters |= zip(rows.index[inside], found, strict=True)
            for row in some.itertuples():
                yield row, letters.get(row.Index)


def replacements(instance_id: str, starts: list[int], width: int, locus: str, spec: Ablations, seed: int) -> list[str]:
    """What stretches of a locus are replaced by, `n_replaced` for each stretch in turn.

    Args:
        instance_id: whose locus it is.
        starts: where the stretches begin, that of the instance first.
        width: of all.
        locus: its letters.
        spec: the section of the config.
        seed: the screen's.
    """
    if spec.by not in REPLACEMENTS:
        return [spec.by.upper()] * len(starts)
    rng, n = named_generator(seed, "ablation", instance_id), n_replaced(spec)
    if spec.by == "locus_shuffle":
        shuffled = [_shuffled_between_gaps(locus, rng) for _ in range(n)]
        return [other[start : start + width] for start in starts for other in shuffled]
    draw = shuffle if spec.by == "shuffle" else dinucleotide_shuffle
    return [draw(locus[start : start + width], rng) for start in starts for _ in range(n)]


def _shuffled_between_gaps(locus: str, rng: np.random.Generator) -> str:
    """A locus with each of its stretches between N shuffled, as an N in a replacement would keep what is there."""
    parts = re.split(f"({UNKNOWN}+)", locus)
    return "".join(dinucleotide_shuffle(part, rng) if part.strip(UNKNOWN) else part for part in parts)


def _read(annotations: Annotations, spec: Ablations, length: int) -> pd.DataFrame:
    """The instances of a table, which may come twice."""
    table = read_annotations(
        annotations.file,
        annotations.genome,
        format=annotations.format,
        summit_flank=annotations.summit_flank,
        max_width=annotations.max_width,
        stranded=False,
    )
    table["width"] = table["end"] - table["start"]
    if spec.by not in REPLACEMENTS:
        narrow = table["width"] > len(spec.by)
        if narrow.any():
            row = table[narrow].iloc[0]
            raise InputError(
                f"{row['source']}: {row['name']} has {row['width']} bases, more than the {len(spec.by)} of the "
                f"sequence that elements.ablations.by replaces it by; give a longer one, or clip annotations with "
                f"max_width"
            )
        table["start"] += table["width"] // 2 - len(spec.by) // 2
        table["width"] = len(spec.by)
        table["end"] = table["start"] + table["width"]
    if (table["width"] > length).any():
        row = table[table["width"] > length].iloc[0]
        raise InputError(
            f"{row['source']}: {row['name']} has {row['width']} bases, more than the {length} of its locus; clip "
            f"annotations with max_width"
        )
    table["locus_start"] = table["start"] - (length // 2 - table["width"] // 2)
    table["genome"] = annotations.genome
    places = zip(table["name"], table["chrom"], table["start"], table["end"], strict=True)
    of = Path(str(annotations.genome)).name
    table["instance_id"] = [identifier(f"{name} {of} {chrom}:{start}-{end}") for name, chrom, start, end in places]
    return table[COLUMNS]


def _neighbours(table: pd.DataFrame, length: int) -> list[np.ndarray]:
    """For each instance where in its locus those of the same genome lie that reach into it; int64 (n, 2)."""
    found: list[np.ndarray] = [np.zeros((0, 2), dtype=np.int64)] * len(table)
    for _, rows in table.groupby(["genome", "chrom"], sort=False):
        rows = rows.sort_values("start")
        spans, widest = rows[["start", "end"]].to_numpy(), int(rows["width"].max())
        first = np.searchsorted(spans[:, 0], rows["locus_start"] - widest, side="left")
        last = np.searchsorted(spans[:, 0], rows["locus_start"] + length, side="left")
        for i, start, a, b in zip(rows.index, rows["locus_start"], first, last, strict=True):
            found[i] = spans[a:b] - start
    return found


def _elsewhere(row: Any, locus: str, others: np.ndarray, spec: Ablations, seed: int) -> list[int]:
    """Where in a locus the stretches begin that an instance is compared with, sorted.

    They are drawn from all that lie near enough, hold no N and do not overlap the instance; as far as there are
    enough, from those that overlap no other instance.
    """
    width, centre = row.width, row.start - row.locus_start + row.width // 2
    last = len(locus) - width
    low, high = (0, last) if spec.within is None else (centre - spec.within, centre + spec.within - width)
    free = np.zeros(last + 1, dtype=bool)
    free[max(0, low) : max(0, min(last, high) + 1)] = True

    def without(free: np.ndarray, start: int, end: int) -> None:
        free[max(0, start - width + 1) : max(0, end)] = False

    unknown = np.cumsum([0, *(np.frombuffer(locus.encode(), dtype=np.uint8) == ord(UNKNOWN))])
    free &= unknown[width:] == unknown[:-width]
    without(free, row.start - row.locus_start, row.end - row.locus_start)
    alone = free.copy()
    for start, end in others:
        without(alone, start, end)
    rng = named_generator(seed, "elsewhere", row.instance_id)
    best, rest = rng.permutation(np.flatnonzero(alone)), rng.permutation(np.flatnonzero(free & ~alone))
    chosen = [*best, *rest][: spec.elsewhere]
    if len(chosen) < spec.elsewhere:
        raise InputError(
            f"{row.source}: {row.name} has {len(chosen)} stretches of {width} bases beside it, of the "
            f"{spec.elsewhere} that it is to be compared with; set elements.ablations.elsewhere to less, `within` to "
            f"more, or clip annotations with max_width"
        )
    return sorted(int(start) for start in chosen)
