"""Select and transform the backgrounds."""

from marginalization.inputs.backgrounds import equal_backgrounds, select_backgrounds, transform_backgrounds
from marginalization.jobs.job import as_job
from marginalization.jobs.provenance import facts
from marginalization.store.files import write_table
from marginalization.store.schemas import BACKGROUNDS

with as_job(snakemake):
    config = snakemake.config
    spec = config["backgrounds"]
    selected, counts = select_backgrounds(spec, config["seed"])
    table = transform_backgrounds(selected, spec["transform"], spec["copies"], config["seed"])
    write_table(table, snakemake.output[0], BACKGROUNDS, {**facts(config), "counts": counts})
    print(", ".join(f"{reason}: {n:,}" for reason, n in counts.items()))
    for warning in equal_backgrounds(table):
        print(warning)
