"""The jobs of merge.smk: the parts of all shards become tables, and what they were made from is written down."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from ..config.checks import readouts_of
from ..config.sections import Config
from ..design.backgrounds import COLUMNS, select_backgrounds
from ..design.placement import placed_table
from ..jobs.provenance import devices, facts, wall_seconds
from ..merging.context import merge_context, table_of_loci
from ..merging.cooperativity import merge_pairs
from ..merging.differential import merge_differential
from ..merging.means import merge_profiles
from ..merging.parts import Screened, find_parts
from ..merging.summary import merge_effects
from ..statistics.families import Families, families
from ..store.files import read_facts, sha256, write_json, write_table
from ..store.other_schemas import CONTEXT, LOCI
from ..store.paths import model_of
from ..store.reading import read_table
from ..store.schemas import BACKGROUNDS, CONTROL_PAIRS, ELEMENTS, PAIRS
from ..store.superseded import set_parts_aside
from .job import as_job


def parts_of(snakemake: Any, config: Config, parts: list[str], placed: pd.DataFrame) -> list[Screened]:
    """The parts of all models and groups, of targets as the first looks at the models found them."""
    targets = {model_of(path): json.loads(Path(path).read_text())["targets"] for path in snakemake.input.probes}
    return find_parts(parts, placed, targets, config.groups)


def _families(config: Config, elements: pd.DataFrame) -> Families:
    controls = config.elements.controls
    return families(elements, asdict(controls) if controls else None)


def merge(snakemake: Any) -> None:
    """Merge the shards' effects into the summary, and their profiles into mean profiles."""
    with as_job(snakemake) as (results, _):
        config, effects, profiles = Config.of(snakemake.config), snakemake.input.effects, snakemake.input.profiles
        elements = read_table(snakemake.input.elements, ELEMENTS)
        placed = placed_table(elements, config.placement, config.length)
        made_from = facts(snakemake.config, snakemake.params.files, [*effects, *profiles])
        set_parts_aside(results, "effects", effects)
        set_parts_aside(results, "statistics", effects)
        set_parts_aside(results, "profile_sums", profiles)
        merge_effects(
            parts_of(snakemake, config, effects, placed),
            placed,
            _families(config, elements),
            readouts_of(config),
            snakemake.output[0],
            made_from,
            config.keep_effects,
        )
        if profiles:
            merge_profiles(
                parts_of(snakemake, config, profiles, placed), placed, config.length, snakemake.output[1], made_from
            )


def cooperativity(snakemake: Any) -> None:
    """Compare the effects of pairs of motifs with those of each motif alone, and this with that of their controls."""
    with as_job(snakemake):
        config, effects = Config.of(snakemake.config), snakemake.input.effects
        elements = read_table(snakemake.input.elements, ELEMENTS)
        placed = placed_table(elements, config.placement, config.length)
        merge_pairs(
            parts_of(snakemake, config, effects, placed),
            placed,
            read_table(snakemake.input.pairs, PAIRS),
            read_table(snakemake.input.control_pairs, CONTROL_PAIRS),
            config.elements.level,
            readouts_of(config),
            snakemake.output,
            facts(snakemake.config, snakemake.params.files, effects),
        )


def differential(snakemake: Any) -> None:
    """Compare the effects of models, groups or targets with each other."""
    with as_job(snakemake):
        config, effects = Config.of(snakemake.config), snakemake.input.effects
        elements = read_table(snakemake.input.elements, ELEMENTS)
        placed = placed_table(elements, config.placement, config.length)
        merge_differential(
            config.compare,
            parts_of(snakemake, config, effects, placed),
            placed,
            _families(config, elements),
            readouts_of(config),
            snakemake.output[0],
            facts(snakemake.config, snakemake.params.files, effects),
        )


def context(snakemake: Any) -> None:
    """Compare the effects of significant elements with what is known of each locus."""
    with as_job(snakemake):
        config, effects = Config.of(snakemake.config), snakemake.input.effects
        placed = placed_table(read_table(snakemake.input.elements, ELEMENTS), config.placement, config.length)
        selected, _ = select_backgrounds(config)
        known = selected.loc[selected.index.repeat(config.backgrounds.copies)].drop(columns=COLUMNS)
        backgrounds = read_table(snakemake.input.backgrounds, BACKGROUNDS, ["background_id", "name", "gc"])
        known = known.set_axis(backgrounds.index).assign(gc=backgrounds["gc"])
        table = merge_context(
            snakemake.input.summary,
            parts_of(snakemake, config, effects, placed),
            placed,
            known,
            config.backgrounds.copies,
            readouts_of(config),
        )
        made_from = facts(snakemake.config, snakemake.params.files, effects)
        write_table(table, snakemake.output.context, CONTEXT, made_from)
        write_table(table_of_loci(backgrounds, known), snakemake.output.loci, LOCI, made_from)


def provenance(snakemake: Any) -> None:
    """Write down what the screen was made from, and how."""
    with as_job(snakemake) as (results, _):
        jobs, kept = snakemake.params.jobs, Config.of(snakemake.config).effects_dataset
        counts = read_facts(snakemake.input.annotations)["counts"]
        facts = read_facts(snakemake.input[0])
        further = {str(path): sha256(path) for path in snakemake.input.further}
        found = {
            **facts,
            "inputs": dict(sorted((facts["inputs"] | further).items())),
            "config": snakemake.config,
            "command": os.environ["MARGINALIZATION_COMMAND"],
            "counts": {"backgrounds": read_facts(snakemake.input.backgrounds)["counts"], **counts},
            "devices": {model: devices(results, kept, model, of_model) for model, of_model in jobs.items()},
            "wall_seconds": {
                model: {job: wall_seconds(results.benchmark("screen", model, job)) for job in of_model}
                for model, of_model in jobs.items()
            },
        }
        write_json(found, snakemake.output[0])
