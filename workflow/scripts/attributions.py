"""Merge the shards' sums of attributions into mean attributions."""

import json
from pathlib import Path

from marginalization.attribution_merge import merge_attributions
from marginalization.elements import compared
from marginalization.job import as_job
from marginalization.parts import find_parts
from marginalization.placement import placed_table
from marginalization.provenance import facts
from marginalization.reading import read_table
from marginalization.schemas import ELEMENTS
from marginalization.superseded import set_aside

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
