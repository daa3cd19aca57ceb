"""The jobs of derived.smk: what follows from the summary, and the maps of the motifs that it finds."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ..config.checks import readouts_of
from ..config.sections import Config
from ..design.placement import starts, written_out
from ..jobs.provenance import facts
from ..maps.chosen import acting_motifs, chosen_motifs, of_model, place_changes
from ..maps.tables import merge_maps
from ..merging.derived.clusters import merge_clusters
from ..merging.derived.copies import merge_copies
from ..merging.derived.measured import compare_with_measured
from ..merging.derived.scans import merge_scans
from ..store.files import write_table
from ..store.other_schemas import CLUSTERS, COPIES, MAPS, MAPS_SUMMARY, MEASURED
from ..store.reading import read_table
from ..store.schemas import ANNOTATIONS, ARRANGEMENTS, ELEMENTS, MOTIFS
from ..store.superseded import set_parts_aside
from .job import as_job

if TYPE_CHECKING:
    from .shards import Loaded, Run


def clusters(snakemake: Any) -> None:
    """Gather like motifs in clusters, each with its best motif."""
    with as_job(snakemake):
        config, inputs = Config.of(snakemake.config), snakemake.input
        table = merge_clusters(inputs.summary, read_table(inputs.motifs, MOTIFS), _neutral(config))
        write_table(table, snakemake.output[0], CLUSTERS, facts(snakemake.config))


def _neutral(config: Config) -> dict[str, float]:
    """Of each readout the effect of what changes nothing."""
    return {name: readout.scale.neutral for name, readout in readouts_of(config).items()}


def scans(snakemake: Any) -> None:
    """Say where along the backgrounds elements do most, and where half of that is lost."""
    with as_job(snakemake):
        config, inputs = Config.of(snakemake.config), snakemake.input
        widest = int(read_table(inputs.elements, ELEMENTS, ["width"])["width"].max())
        n_starts = len(starts(written_out(config.placement, config.length - widest)))
        merge_scans(inputs.summary, n_starts, _neutral(config), snakemake.output[0], facts(snakemake.config))


def copies(snakemake: Any) -> None:
    """Set the effects of copies of a motif beside that of one."""
    with as_job(snakemake):
        config, inputs = Config.of(snakemake.config), snakemake.input
        ratios = [name for name, readout in readouts_of(config).items() if readout.scale.name == "ratio"]
        table = merge_copies(inputs.summary, read_table(inputs.arrangements, ARRANGEMENTS), ratios)
        write_table(table, snakemake.output[0], COPIES, facts(snakemake.config))


def measured(snakemake: Any) -> None:
    """Compare the effects of elements with what a lab measured of them."""
    with as_job(snakemake):
        config, inputs = Config.of(snakemake.config), snakemake.input
        table = compare_with_measured(
            config.measured,
            inputs.summary,
            read_table(inputs.elements, ELEMENTS),
            read_table(inputs.motifs, MOTIFS),
            read_table(inputs.annotations, ANNOTATIONS),
            config.seed,
        )
        write_table(table, snakemake.output[0], MEASURED, facts(snakemake.config, snakemake.params.files))


def mutate(snakemake: Any) -> None:
    """Change each base of the motifs that are mapped, by one model."""
    from ..jobs.shard import shard_of  # with torch, which takes seconds, and which the other jobs here do without
    from ..maps.computing import run_maps
    from .shards import run_job

    def prepared(of: Loaded) -> Run:
        inputs, config = snakemake.input, of.config
        _, chosen, sequences = _chosen(config, inputs)
        own = of_model(chosen, of.name, config.groups)
        shard = shard_of(config, of.name, of.job, inputs, place_changes(own, sequences))
        paths = dict(zip(readouts_of(config), snakemake.output.outputs, strict=True))
        return partial(run_maps, of.model, shard, own, sequences, config, paths)

    run_job(snakemake, "mutate", prepared)


def maps(snakemake: Any) -> None:
    """Tell what each base of the mapped motifs does, and what the models read in them."""
    with as_job(snakemake) as (results, _):
        config, inputs, outputs = Config.of(snakemake.config), snakemake.input, snakemake.input.outputs
        set_parts_aside(results, "map_outputs", outputs)
        acting, chosen, sequences = _chosen(config, inputs)
        motifs = read_table(inputs.motifs, MOTIFS)
        tables = merge_maps(chosen, acting, outputs, motifs, sequences, readouts_of(config), config.groups)
        made_from = facts(snakemake.config, snakemake.params.files, outputs)
        for table, path, schema in zip(tables, snakemake.output, (MAPS, MAPS_SUMMARY), strict=True):
            write_table(table, path, schema, made_from)


def _chosen(config: Config, inputs: Any) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, str]]:
    """The motifs that act, those of them that are mapped, and the sequences of these by element_id."""
    assert config.elements.maps
    clusters = read_table(inputs.clusters, CLUSTERS, rows=("significant", lambda found: pc.fill_null(found, False)))
    acting = acting_motifs(clusters, _neutral(config))
    chosen = chosen_motifs(acting, config.elements.maps.most)
    wanted = "element_id", lambda ids: pc.is_in(ids, pa.array(chosen["element_id"].unique(), pa.string()))
    elements = read_table(inputs.elements, ELEMENTS, ["element_id", "sequence"], wanted)
    return acting, chosen, dict(zip(elements["element_id"], elements["sequence"], strict=True))
