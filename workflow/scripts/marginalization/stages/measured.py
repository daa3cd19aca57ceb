"""The job of measured.smk: effects beside what a lab measured."""

from __future__ import annotations

from typing import Any

from ..config.sections import Config
from ..jobs.provenance import facts
from ..merging.measured import compare_with_measured
from ..store.files import write_table
from ..store.other_schemas import MEASURED
from ..store.reading import read_table
from ..store.schemas import ANNOTATIONS, ELEMENTS, MOTIFS
from .job import as_job


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
