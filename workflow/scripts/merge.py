"""Merge the shards' effects into the summary, and their profiles into mean profiles."""

import json
from pathlib import Path

from marginalization.config.checks import readouts_of
from marginalization.design.placement import placed_table
from marginalization.jobs.job import as_job
from marginalization.jobs.provenance import facts
from marginalization.merging.parts import find_parts
from marginalization.merging.summary import merge_effects, merge_profiles
from marginalization.statistics.nulls import families
from marginalization.store.reading import read_table
from marginalization.store.schemas import ELEMENTS
from marginalization.store.superseded import set_aside

with as_job(snakemake):
    config = snakemake.config
    elements = read_table(snakemake.input.elements, ELEMENTS)
    placed = placed_table(elements, config["placement"], config["backgrounds"]["length"])
    made_from = facts(config, snakemake.params.files, [*snakemake.input.effects, *snakemake.input.profiles])
    targets = {Path(path).stem: json.loads(Path(path).read_text())["targets"] for path in snakemake.input.probes}
    results = Path(snakemake.output[0]).parent
    parts = {"effects": snakemake.input.effects, "profile_sums": snakemake.input.profiles}
    for path in set_aside(results, parts):
        print(f"{path} is of an earlier plan of this screen; moved to {results / 'superseded'}")
    merge_effects(
        find_parts(snakemake.input.effects, placed, targets, config["groups"]),
        placed,
        families(elements, config["elements"].get("controls")),
        readouts_of(config),
        snakemake.output[0],
        made_from,
    )
    if snakemake.input.profiles:
        merge_profiles(
            find_parts(snakemake.input.profiles, placed, targets, config["groups"]),
            placed,
            config["backgrounds"]["length"],
            snakemake.output[1],
            made_from,
        )
