"""The jobs of derived.smk: what follows from the summary alone."""

from __future__ import annotations

from typing import Any

from ..config.checks import readouts_of
from ..config.sections import Config
from ..jobs.provenance import facts
from ..merging.derived.clusters import merge_clusters
from ..merging.derived.measured import compare_with_measured
from ..store.files import write_table
from ..store.other_schemas import CLUSTERS, MEASURED
from ..store.reading import read_table
from ..store.schemas import ANNOTATIONS, ELEMENTS, MOTIFS
from .job import as_job


def clusters(snakemake: Any) -> None:
    """Gather like motifs in clusters, each with its best motif."""
    with as_job(snakemake):
        config, inputs = Config.of(snakemake.config), snakemake.input
        neutral = {name: readout.scale.neutral for name, readout in readouts_of(config).items()}
        table = merge_clusters(inputs.summary, read_table(inputs.motifs, MOTIFS), neutral)
        write_table(table, snakemake.output[0], CLUSTERS, facts(snakemake.config))


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
