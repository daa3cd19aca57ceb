"""Compare the effects of pairs of motifs with those of each motif alone."""

import json
from pathlib import Path

from marginalization.config.checks import readouts_of
from marginalization.design.placement import placed_table
from marginalization.jobs.job import as_job
from marginalization.jobs.provenance import facts
from marginalization.merging.cooperativity import merge_pairs
from marginalization.merging.parts import find_parts
from marginalization.store.reading import read_table
from marginalization.store.schemas import ELEMENTS, PAIRS

with as_job(snakemake):
    config = snakemake.config
    elements = read_table(snakemake.input.elements, ELEMENTS)
    placed = placed_table(elements, config["placement"], config["backgrounds"]["length"])
    targets = {Path(path).stem: json.loads(Path(path).read_text())["targets"] for path in snakemake.input.probes}
    merge_pairs(
        find_parts(snakemake.input.effects, placed, targets, config["groups"]),
        placed,
        read_table(snakemake.input.pairs, PAIRS),
        readouts_of(config),
        snakemake.output[0],
        facts(config, snakemake.params.files, snakemake.input.effects),
    )
