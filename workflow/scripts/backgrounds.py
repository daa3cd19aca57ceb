"""Select and transform the backgrounds."""

from marginalization.backgrounds import equal_backgrounds, select_backgrounds, transform_backgrounds
from marginalization.files import write_table
from marginalization.job import as_job
from marginalization.provenance import facts
from marginalization.schemas import BACKGROUNDS

with as_job(snakemake):
    config = snakemake.config
    spec = config["backgrounds"]
    selected, counts = select_backgrounds(spec, config["seed"])
    table = transform_backgrounds(selected, spec["transform"], spec["copies"], config["seed"])
    write_table(table, snakemake.output[0], BACKGROUNDS, {**facts(config), "counts": counts})
    print(", ".join(f"{reason}: {n:,}" for reason, n in counts.items()))
    for warning in equal_backgrounds(table):
        print(warning)
