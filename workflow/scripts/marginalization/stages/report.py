"""The job of report.smk: what people look at."""

from __future__ import annotations

from typing import Any

from ..config.sections import Config
from ..store.superseded import set_parts_aside, set_tables_aside
from ..view.report.figures import write_figures
from ..view.report.page import write_report
from .job import as_job


def report(snakemake: Any) -> None:
    """Write the report of the screen, and its figures for papers."""
    with as_job(snakemake) as (results, _):
        config = Config.of(snakemake.config)
        # Here, because it is the report alone that is written again when the config gives a table less.
        for section, dataset in (
            (config.attributions, "attribution_sums"),
            (config.elements.ablations, "ablation_outputs"),
            (config.elements.maps, "map_outputs"),
        ):
            if section is None:
                set_parts_aside(results, dataset, [])
        set_tables_aside(results, config.further_tables, snakemake.input)
        contents = write_report(results)
        results.figures.mkdir(parents=True, exist_ok=True)
        write_figures(contents, results)
        shown = contents["facts"]
        print(f"{shown['shown']:,} of {shown['n_elements']:,} elements, {shown['detailed']:,} of them with details")
