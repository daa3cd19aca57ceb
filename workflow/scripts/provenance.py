"""Write down what the screen was made from, and how."""

import os
from pathlib import Path

from marginalization.jobs.job import as_job
from marginalization.jobs.provenance import devices, wall_seconds
from marginalization.store.files import read_facts, write_json

with as_job(snakemake):
    *tables, backgrounds, annotations = (path for path in snakemake.input if path.endswith(".parquet"))
    results = Path(snakemake.output[0]).parent
    benchmarks = results / "benchmarks" / "screen"
    provenance = {
        **read_facts(tables[0]),
        "config": snakemake.config,
        "command": os.environ["MARGINALIZATION_COMMAND"],
        "counts": {"backgrounds": read_facts(backgrounds)["counts"], **read_facts(annotations)["counts"]},
        "devices": {model: devices(results, model, jobs) for model, jobs in snakemake.params.jobs.items()},
        "wall_seconds": {
            model: {job: wall_seconds(f"{benchmarks}/{model}/{job}.tsv") for job in jobs}
            for model, jobs in snakemake.params.jobs.items()
        },
    }
    write_json(provenance, snakemake.output[0])
