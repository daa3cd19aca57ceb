"""Compare the effects of pairs of motifs with those of each motif alone."""

import json
from pathlib import Path

import pandas as pd
from marginalization.config import readouts_of
from marginalization.cooperativity import merge_pairs
from marginalization.logs import job_log
from marginalization.parts import find_parts
from marginalization.placement import placed_table
from marginalization.provenance import facts

with job_log(snakemake.log[0]):
    config = snakemake.config
    elements = pd.read_parquet(snakemake.input.elements)
    placed = placed_table(elements, config["placement"], config["backgrounds"]["length"])
    targets = {Path(path).stem: json.loads(Path(path).read_text())["targets"] for path in snakemake.input.probes}
    merge_pairs(
        find_parts(snakemake.input.effects, placed, targets, config["groups"]),
        placed,
        pd.read_parquet(snakemake.input.pairs),
        readouts_of(config),
        snakemake.output[0],
        facts(config, snakemake.params.files),
    )
