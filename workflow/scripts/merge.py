"""Merge the shards' effects into the summary, and their profiles into mean profiles."""

import json
import shutil
from pathlib import Path

from marginalization.config import readouts_of
from marginalization.job import as_job
from marginalization.merge import find_parts, merge_effects, merge_profiles, set_aside
from marginalization.nulls import families
from marginalization.placement import placed_table
from marginalization.provenance import facts
from marginalization.reading import read_table
from marginalization.tables import ELEMENTS

with as_job(snakemake):
    config = snakemake.config
    elements = read_table(snakemake.input.elements, ELEMENTS)
    placed = placed_table(elements, config["placement"], config["backgrounds"]["length"])
    made_from = facts(config, snakemake.params.files, [*snakemake.input.effects, *snakemake.input.profiles])
    targets = {Path(path).stem: json.loads(Path(path).read_text())["targets"] for path in snakemake.input.probes}
    results = Path(snakemake.output[0]).parent
    for folder, paths in (("effects", snakemake.input.effects), ("profile_sums", snakemake.input.profiles)):
        for path in set_aside(results / folder, set(paths), results / "superseded" / folder):
            print(f"{path} is of an earlier plan of this screen; moved to {results / 'superseded'}")
    if "attributions" not in config:  # any more: what there is may not be of this plan
        set_aside(results / "attribution_sums", set(), results / "superseded" / "attribution_sums")
        if (results / "attributions.parquet").exists():
            (results / "superseded").mkdir(exist_ok=True)
            (results / "attributions.parquet").replace(results / "superseded" / "attributions.parquet")
    shutil.rmtree(results / "unfinished", ignore_errors=True)  # of jobs that are not of this plan
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
    elif (results / "profiles.parquet").exists():
        (results / "profiles.parquet").replace(results / "superseded" / "profiles.parquet")
    if not config["elements"]["pairs"] and (results / "cooperativity.parquet").exists():
        (results / "cooperativity.parquet").replace(results / "superseded" / "cooperativity.parquet")
