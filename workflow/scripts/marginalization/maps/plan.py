"""The jobs that map motifs: one for each model, because what is mapped is known after the merge alone.

Nothing here imports torch, because Snakemake reads it at every parse.
"""

from __future__ import annotations

import json
from dataclasses import asdict

from ..config.sections import Config
from ..design.plan import Plan
from ..design.shards import background_ranges, jobs_of, short_digest
from ..store.paths import shard_label


def map_jobs(plan: Plan, config: Config) -> dict[str, list[str]]:
    """The name of the job of each model, which is of the first shard of backgrounds; none without maps."""
    spec, controls = config.elements.maps, config.elements.controls
    if not spec or not controls:
        return {}
    # By these it is decided what is significant, and of this what is mapped.
    chosen_by = json.dumps([asdict(spec), asdict(controls), config.groups, config.keep_effects], default=list)
    made_from = short_digest([plan.elements_digest, chosen_by])
    first = next(iter(background_ranges(plan.n_backgrounds, config.shards.backgrounds)))
    return jobs_of(plan.models, {shard_label(0, 1): made_from}, {first: plan.backgrounds_digest})
