"""`check`: a config and its inputs are read as the workflow reads them; what the screen will be, in ten lines."""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
from pathlib import Path
from typing import NamedTuple

import yaml
from rich.console import Console

from ..config.checks import require_file, require_writable
from ..config.resolving import resolve
from ..config.sections import Config
from ..config.stale import check_reads
from ..config.text import check_text
from ..design.placement import strands
from ..design.plan import Plan, make_plan, measured_rate
from ..errors import InputError
from ..maps.plan import map_jobs
from ..store.checksums import check_all
from ..store.paths import Results
from ..view.disk import for_targets
from ..view.outlook import Outlook, outlook
from ..view.quantities import duration, size
from .shared.bundled import schema
from .shared.options import Commands

TYPICAL = {"a BPNet of 64 channels": 1500.0, "a ChromBPNet of 512": 60.0}
"""Marginals per second of one CPU core, about, as tests/benchmark/marginals.py measures them."""


class Checked(NamedTuple):
    """A screen that can be run.

    Fields:
        config: made whole.
        plan: its jobs.
        results: where they go.
        outlook: what it takes on disk, and what is worth a look before it is run.
    """

    config: Config
    plan: Plan
    results: Results
    outlook: Outlook


def add_to(commands: Commands) -> None:
    about = "check a config and its inputs, and say what the screen will be"
    more = "What runs the workflow checks the same; this says it in ten lines. Models are looked at by their first job."
    parser = commands.add_parser("check", help=about, description=f"{about.capitalize()}. {more}")
    parser.set_defaults(command=_check)
    parser.add_argument("config", help="the file, such as my-screen.yaml")


def _check(console: Console, arguments: argparse.Namespace) -> None:
    checked = check_screen(arguments.config)
    console.print(f"{arguments.config}: its inputs are as they should be, and the screen can be run.", soft_wrap=True)
    show(console, checked)


def show(console: Console, checked: Checked) -> None:
    """Print what a screen will be, and its warnings."""
    for label, value in describe(checked).items():
        console.print(f"  {label:<13}{value}", soft_wrap=True)
    for warning in checked.outlook.warnings:
        console.print(f"Warning: {warning.rstrip('.')}.", soft_wrap=True)


def require_snakemake() -> None:
    """An InputError where the workflow's packages are not installed."""
    if importlib.util.find_spec("snakemake") is None:
        raise InputError("Snakemake is not installed here; pip install 'marginalization[workflow]'")


def check_screen(path: str) -> Checked:
    """Read a config and the inputs that it names, as the workflow does before any job.

    Raises:
        InputError: something in them is wrong.
    """
    require_snakemake()
    check_text(require_file(path, "check"))
    raw = yaml.safe_load(Path(path).read_text(encoding="utf-8-sig"))
    config = resolve(raw, str(schema()))
    results = Results.of_screen(config.screen)
    require_writable(str(results))
    check_reads(results, config.models, config.effects_dataset)
    check_all(results)
    plan = make_plan(raw)
    return Checked(config, plan, results, outlook(config, plan, results))


def describe(checked: Checked) -> dict[str, str]:
    """What a screen will be: a line each, by what it is about."""
    config, plan, results, _ = checked
    of_controls = f", {plan.n_controls:,} of them controls" if plan.n_controls else ""
    done = plan.done(results)
    of_attributions = f", {plan.n_attribution_jobs:,} of attributions" if plan.attribution_jobs else ""
    of_ablations = f", {plan.n_ablation_jobs:,} of ablations" if plan.ablation_jobs else ""
    of_maps = f", {len(map_jobs(plan, config)):,} of maps" if config.elements.maps else ""
    ablations = {"ablations": f"{plan.n_ablations:,} of {plan.n_instances:,} instances"} if plan.ablation_jobs else {}
    return {
        "models": ", ".join(config.models) if len(config.models) <= 10 else f"{len(config.models):,}",
        "elements": f"{plan.n_elements:,}{of_controls}",
        "placements": f"{plan.n_placements:,}: {' and '.join(strands(config.placement))}, {_starts(config, plan)}",
        "backgrounds": f"{plan.n_backgrounds:,} of {config.length:,} bases",
        "marginals": f"{plan.n_marginals:,}",
        **ablations,
        "jobs": f"{plan.n_jobs:,} of marginals{of_attributions}{of_ablations}{of_maps}; {len(done):,} of them done",
        "verdicts": plan.verdicts or "none: the screen has no elements.controls",
        "time": _time(checked, 1 - len(done) / plan.n_jobs),
        "disk": _disk(checked),
        "results": f"{results.report}, and the tables beside it",
    }


def _starts(config: Config, plan: Plan) -> str:
    if config.placement.start == "centre":
        return "in the centre"
    n = plan.n_placements // len(strands(config.placement))
    return f"at {n:,} starts" if n > 1 else "at one start"


def _time(checked: Checked, share: float) -> str:
    """How long what is left of the marginals takes, by the models' rates."""
    if share == 0:
        return "all shards are done"
    config, plan, results, _ = checked
    left = share * plan.n_computed + plan.n_ablations
    rates = [_rate(results, plan, model) for model in config.models]
    if None not in rates:
        rate = len(rates) / sum(1 / rate for rate in rates if rate)
        return f"{duration(left / rate)} of one job at a time, at {rate:,.0f} marginals per second as measured"
    told = " to ".join(f"{duration(left / rate)} ({model})" for model, rate in TYPICAL.items())
    return f"on one CPU core about {told}; the models' own rates are known after the first jobs"


def _rate(results: Results, plan: Plan, model: str) -> float | None:
    """Marginals per second of a job: as `measure` found, or else as the model's jobs did; None before either."""
    if measured := measured_rate(results.rate(model), plan.models[model]):
        return measured
    records = [results.record("screen", model, job) for job in plan.jobs[model]]
    rates = [json.loads(path.read_text())["marginals_per_second"] for path in records if path.is_file()]
    known = [rate for rate in rates if rate]
    return statistics.median(known) if known else None


def _disk(checked: Checked) -> str:
    """What is kept of effects takes, as far as the number of targets is known."""
    config, plan, _, ahead = checked
    if ahead.disk is None:
        for_one = for_targets(config, plan.n_marginals, plan.n_backgrounds)
        return f"about {size(for_one.n_bytes)} for each target of a readout (their number is known after the first job)"
    return ahead.disk.describe(config)
