"""Compare the effects of pairs of motifs with those of each motif alone."""

import json
from pathlib import Path

from marginalization.config import readouts_of
from marginalization.cooperativity import merge_pairs
from marginalization.job import as_job
from marginalization.parts import find_parts
from marginalization.placement import placed_table
from marginalization.provenance import facts
from marginalization.reading import read_table
from marginalization.schemas import ELEMENTS, PAIRS

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
