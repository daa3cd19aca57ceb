"""The plan of a screen: which jobs there are, named after what they compute.

It is made from the inputs themselves while Snakemake parses, so bad input is found before any job starts and a dry run
shows every job. The name of a job ends in a digest of all that its numbers depend on: its elements, backgrounds, model,
readouts and placement. So a job is run again just when one of these has changed, since then its files do not exist.
(Snakemake's own triggers do not serve here: it does not look for changes in jobs below one that is run again.)

How elements and backgrounds are cut into shards is said in `shards`.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from .. import __version__
from ..config.ablations import ablation_files
from ..config.attributions import attribution_callable, attribution_files, callables
from ..config.checks import background_files, element_files, measured_files, model_callables, model_files
from ..config.dependencies import code_digest, package_files
from ..config.models import check_input_tables
from ..config.sections import Config, Shards
from ..config.sections.substitutions import Controls, Placement
from ..config.targets import target_count
from ..errors import InputError
from ..statistics.families import families
from ..statistics.resolution import resolution
from ..store.files import file_stamp, sha256, write_json
from ..store.paths import Results
from .backgrounds import check_copies, equal_backgrounds, names_after, select_backgrounds
from .control_pairs import pairs_resolution
from .elements import CONTROL_KINDS, Elements, motifs_and_annotations, read_elements
from .instances import plan_ablations
from .placement import count_repeats, starts, strands, written_out
from .shards import background_ranges, element_digests, jobs_of, short_digest


class Plan(NamedTuple):
    """The jobs of each model by name, and the numbers that they follow from."""

    jobs: dict[str, list[str]]
    models: dict[str, str]
    unmeasured: list[str]
    elements_digest: str
    backgrounds_digest: str
    n_elements: int
    n_controls: int
    n_of_pairs: int
    n_backgrounds: int
    n_background_shards: int
    n_placements: int
    n_repeats: int
    n_targets: int | None
    attribution_jobs: dict[str, list[str]]
    ablation_jobs: dict[str, list[str]]
    instances_digest: str
    n_instances: int
    n_ablations: int
    input_warnings: list[str]
    verdicts: str

    @property
    def n_jobs(self) -> int:
        return sum(map(len, self.jobs.values()))

    @property
    def n_attribution_jobs(self) -> int:
        return sum(map(len, self.attribution_jobs.values()))

    @property
    def n_marginals(self) -> int:
        return len(self.jobs) * self.n_elements * self.n_placements * self.n_backgrounds

    @property
    def n_computed(self) -> int:
        """The marginals but those that pairs and their parts share: placements that change backgrounds alike."""
        return self.n_marginals - len(self.jobs) * self.n_repeats * self.n_backgrounds

    @property
    def n_ablation_jobs(self) -> int:
        return sum(map(len, self.ablation_jobs.values()))

    @property
    def _ablations(self) -> str:
        return (
            f"{self.n_ablations:,} ablations of {_counted(self.n_instances, 'instance')} and of stretches beside them, "
            f"in {_counted(self.n_ablation_jobs, 'job')}"
        )

    def done(self, results: Results) -> set[tuple[str, str]]:
        """The model and name of each job of effects whose parts are there."""
        return set(results.finished("screen")) & {(model, job) for model, jobs in self.jobs.items() for job in jobs}

    def describe(self) -> str:
        """One line for people."""
        controls = ""
        if self.n_controls:
            share = self.n_elements / (self.n_elements - self.n_controls)
            of_pairs = f", {self.n_of_pairs:,} of these of pairs" if self.n_of_pairs else ""
            controls = (
                f" ({self.n_controls:,} of them controls{of_pairs}, which make it {share:.3g} times as many marginals)"
            )
        repeats = self.n_marginals - self.n_computed
        return (
            f"{self.n_marginals:,} marginals: {_counted(len(self.jobs), 'model')} x "
            f"{_counted(self.n_elements, 'element')}{controls} x {_counted(self.n_placements, 'placement')} x "
            f"{_counted(self.n_backgrounds, 'background')}, in {_counted(self.n_jobs, 'job')}"
            + (f", with {repeats:,} repeats that are not computed again" if repeats else "")
            + (f", and their attributions in {self.n_attribution_jobs:,}" if self.attribution_jobs else "")
            + (f"; {self._ablations}" if self.ablation_jobs else "")
        )

    def warning(self, shards: Shards) -> str | None:
        """What to do about jobs that are too many, or whose time is not known."""
        if self.unmeasured:
            return (
                f"shards.minutes needs the rate of {', '.join(self.unmeasured)}: run snakemake with target measure. "
                f"Until then a job computes shards.marginals ({shards.marginals:,})"
            )
        for what, section, n_jobs in (
            ("this screen takes", "shards", self.n_jobs),
            ("its attributions take", "attributions", self.n_attribution_jobs),
        ):
            if n_jobs <= shards.max_jobs:
                continue
            # Twice the mean, because the number of element shards is rounded up to a power of two.
            marginals = 2 * math.ceil(self.n_marginals / shards.max_jobs)
            remedy = f"{section}.marginals: {marginals}"
            if section == "shards" and self.n_targets and marginals * self.n_targets > shards.rows:
                remedy = f"shards.rows: {marginals * self.n_targets} and {remedy}"
            if self.n_background_shards > 1:
                remedy = f"shards.backgrounds: {self.n_backgrounds} and {remedy}"
            return (
                f"{what} {n_jobs:,} jobs, more than shards.max_jobs ({shards.max_jobs:,}); "
                f"larger jobs cost less to start: set {remedy}"
            )
        return None


def make_plan(raw: dict[str, Any], cache: Path = Path(".snakemake/marginalization")) -> Plan:
    """Plan a screen, reading its inputs unless they are as they were when the cache was written.

    Args:
        raw: its resolved config, as Snakemake has it: what the names of jobs are digests of.
        cache: the folder of kept plans.

    Raises:
        InputError: an input is missing or bad.
    """
    config = Config.of(raw)
    kinds = (element_files, background_files, attribution_files, ablation_files, measured_files)
    files = {path for files_of in kinds for path in files_of(config)}
    for model in config.models:
        files.update(model_files(config, model))
    if config.shards.minutes:
        rates = map(Results.of_screen(config.screen).rate, config.models)
        files.update(str(path) for path in rates if path.exists())
    files.update(path for reference in callables(config) for path in package_files(reference))
    stamps = {path: file_stamp(path) for path in sorted(files)}
    made_from = [code_digest(), raw, stamps]
    key = short_digest([json.dumps(made_from, sort_keys=True)])
    kept = cache / f"plan-{key}.json"
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # none is there, or it is damaged
        found = json.loads(kept.read_text())
        if found["digest"] == short_digest([json.dumps(found["plan"])]):
            return Plan(**found["plan"])
    plan = _read_plan(config, raw)
    with contextlib.suppress(ValueError):  # without a cache, if space or rights are missing, the next parse reads again
        write_json({"plan": plan._asdict(), "digest": short_digest([json.dumps(plan._asdict())])}, kept)
    return plan


def _read_plan(config: Config, raw: dict[str, Any]) -> Plan:
    read = read_elements(config)
    elements = read.elements
    backgrounds, _ = select_backgrounds(config)
    spec, shards = config.backgrounds, config.shards
    check_copies(spec.transform, spec.copies)
    check_input_tables(config, names_after(backgrounds["name"], spec.transform, spec.copies))
    n_backgrounds = len(backgrounds) * spec.copies
    if config.keep_effects == "summary" and n_backgrounds > shards.backgrounds:
        raise InputError(
            f"config: keep_effects: with summary each shard has all of the {n_backgrounds:,} backgrounds, and "
            f"shards.backgrounds is {shards.backgrounds:,}; set shards.backgrounds: {n_backgrounds}"
        )
    placement = written_out(config.placement, config.length - int(elements["width"].max()))
    n_placements = len(strands(placement)) * len(starts(placement))

    models = {model: _model_digest(config, raw, model, placement) for model in config.models}
    results = Results.of_screen(config.screen)
    rates = {model: measured_rate(results.rate(model), digest) for model, digest in models.items()}
    marginals: float = shards.marginals
    known = [rate for rate in rates.values() if rate]
    if shards.minutes and len(known) == len(models):
        marginals = 60 * shards.minutes * min(known)
    n_targets = target_count(config)
    if n_targets:
        marginals = min(marginals, shards.rows / n_targets)
    per_element = n_placements * min(n_backgrounds, shards.backgrounds)
    of_elements = element_digests(elements, per_element, marginals)
    background_digests = {}
    for label, (first, last) in background_ranges(n_backgrounds, shards.backgrounds).items():
        rows = backgrounds.iloc[first // spec.copies : -(-last // spec.copies)]
        # With several copies, shards cut elsewhere can be of the same originals, so where it is cut is part of it.
        bins = [spec.local_bin] if spec.local_bin else []
        made_by = json.dumps([spec.transform, spec.copies, config.seed, first, last, *bins])
        background_digests[label] = short_digest([made_by, *rows["name"], *rows["sequence"]])
    ablations, warnings = plan_ablations(config, raw, models)
    warnings = read.warnings + warnings
    return Plan(
        jobs=jobs_of(models, of_elements, background_digests),
        models=models,
        unmeasured=[model for model, rate in rates.items() if shards.minutes and not rate],
        elements_digest=short_digest(
            _columns([read.elements, read.motifs, read.annotations, read.pairs, read.arrangements])
        ),
        backgrounds_digest=short_digest(background_digests.values()),
        n_elements=len(elements),
        n_controls=int(elements["kind"].isin(CONTROL_KINDS).sum()),
        n_of_pairs=int(elements["kind"].isin(["control_pair", "control_part"]).sum()),
        n_backgrounds=n_backgrounds,
        n_background_shards=len(background_digests),
        n_placements=n_placements,
        n_repeats=count_repeats(elements, placement, config.length) if len(read.pairs) else 0,
        n_targets=n_targets,
        attribution_jobs=_attribution_jobs(config, raw, elements, per_element, models, background_digests),
        **ablations,
        # Shuffles of equal backgrounds differ.
        input_warnings=warnings + (equal_backgrounds(backgrounds) if spec.transform == "none" else []),
        verdicts=_verdicts(read, config.elements.controls),
    )


def _verdicts(read: Elements, spec: Controls | None) -> str:
    """What the controls can tell; empty without any."""
    controls = spec and asdict(spec)
    of_elements = resolution(families(read.elements, controls), controls).describe() if controls else ""
    return "; ".join(filter(None, [of_elements, pairs_resolution(read.pairs, read.control_pairs)]))


def _columns(tables: Iterable[pd.DataFrame]) -> Iterator[str]:
    """The columns of tables as text, without sequences, which the ids identify."""
    for table in tables:
        for column in table:
            if not column.endswith("sequence"):
                yield "\x1f".join([column, *map(str, table[column])])


def _attribution_jobs(
    config: Config,
    raw: dict[str, Any],
    elements: pd.DataFrame,
    per_element: int,
    models: dict[str, str],
    background_digests: dict[str, str],
) -> dict[str, list[str]]:
    """The jobs of the config's attributions, if there are any; controls have none."""
    if config.attributions is None:
        return {}
    spec = dict(raw["attributions"])
    of_elements = element_digests(motifs_and_annotations(elements), per_element, spec.pop("marginals"))
    # The digests of backgrounds hold the seed, by which references are drawn.
    files = [*attribution_files(config), *package_files(attribution_callable(config.attributions.function))]
    made_by = [json.dumps(spec, sort_keys=True), *map(sha256, files)]
    return jobs_of(
        {model: short_digest([digest, *made_by]) for model, digest in models.items()},
        of_elements,
        background_digests,
    )


def _model_digest(config: Config, raw: dict[str, Any], model: str, placement: Placement) -> str:
    """A digest of a model, and of what is done with it alike in each job."""
    placed = {**raw["placement"], "start": placement.start}
    settings = [raw["models"][model], raw["readouts"], placed, config.length]
    settings += [config.compute.dtype, config.compute.precision]
    settings += [] if config.keep_effects == "all" else [config.keep_effects]
    files = model_files(config, model)
    files += [path for reference in model_callables(config, model) for path in package_files(reference)]
    return short_digest([__version__, json.dumps(settings, sort_keys=True), *map(sha256, files)])


def measured_rate(path: Path, digest: str) -> float | None:
    """A model's marginals per second, if they were measured and it is still the same model."""
    if not path.is_file():
        return None
    measured = json.loads(path.read_text())
    return measured["marginals_per_second"] if measured["model"] == digest else None


def _counted(n: int, what: str) -> str:
    return f"{n:,} {what}{'s' * (n != 1)}"
