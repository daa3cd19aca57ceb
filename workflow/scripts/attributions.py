"""Merge the shards' sums of attributions into mean attributions."""

import json
from pathlib import Path

from marginalization.design.elements import compared
from marginalization.design.placement import placed_table
from marginalization.jobs.job import as_job
from marginalization.jobs.provenance import facts
from marginalization.merging.attributions import merge_attributions
from marginalization.merging.parts import find_parts
from marginalization.store.reading import read_table
from marginalization.store.schemas import ELEMENTS
from marginalization.store.superseded import set_aside

with as_job(snakemake):
    config = snakemake.config
    length = config["backgrounds"]["length"]
    elements = read_table(snakemake.input.elements, ELEMENTS)
    # Where elements stand can depend on the widest of all.
    placed = compared(placed_table(elements, config["placement"], length)).reset_index(drop=True)
    targets = {Path(path).stem: json.loads(Path(path).read_text())["targets"] for path in snakemake.input.probes}
    results = Path(snakemake.output[0]).parent
    for path in set_aside(results, {"attribution_sums": snakemake.input.sums}):
        print(f"{path} is of an earlier plan of this screen; moved to {results / 'superseded'}")
    merge_attributions(
        find_parts(snakemake.input.sums, placed, targets, config["groups"]),
        placed,
        length,
        config["attributions"]["window"],
        snakemake.output[0],
        facts(config, snakemake.params.files, snakemake.input.sums),
    )
