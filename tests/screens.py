"""Small screens for the tests: resolved configs, a model whose outputs are known, and runs of all jobs."""

import base64
import json
import re
import zlib
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
import yaml
from marginalization.config.checks import check_config, profile_readouts, readouts_of
from marginalization.config.sections import Config
from marginalization.config.sections.keys import read
from marginalization.config.targets import check_targets
from marginalization.design.backgrounds import select_backgrounds, transform_backgrounds
from marginalization.design.elements import read_elements
from marginalization.design.placement import placed_table
from marginalization.design.plan import Plan, make_plan
from marginalization.jobs.effects import run_effects
from marginalization.jobs.shard import read_shard
from marginalization.merging.cooperativity import merge_pairs
from marginalization.merging.derived.clusters import merge_clusters
from marginalization.merging.derived.copies import merge_copies
from marginalization.merging.derived.scans import merge_scans
from marginalization.merging.means import merge_profiles
from marginalization.merging.parts import find_parts
from marginalization.merging.summary import merge_effects
from marginalization.models.readouts import Profile
from marginalization.probing.probe import load_readout_model, probe
from marginalization.statistics.families import families
from marginalization.store.files import write_json, write_table
from marginalization.store.other_schemas import CLUSTERS, COPIES
from marginalization.store.reading import read_table
from marginalization.store.schemas import ANNOTATIONS, ARRANGEMENTS, BACKGROUNDS, ELEMENTS, MOTIFS
from snakemake.utils import validate
from torch import nn

SCHEMA = Path(__file__).parents[1] / "workflow" / "schemas" / "config.schema.yaml"

MINIMAL = {
    "screen": "tiny",
    "models": {"toy": {"factory": "screens:Tracks"}},
    "elements": {"motifs": []},
    "backgrounds": {"length": 12, "random": {"n": 5}},
}

LOGITS = np.array([[1, 3, -2, 0], [0, -1, 2, 1]])
ACTIVITIES = np.array([[1, 0, -3, 2], [0, 5, 1, 0], [-1, 1, 0, 4]])
COUNTS = np.array([1, 2, 3, 4])


@cache
def schema() -> dict:
    """The schema of the config."""
    return yaml.safe_load(SCHEMA.read_text())


def typed(section, values: dict):
    """A section of a config from its values; those left out are the defaults."""
    return read(section, values)


def resolved(**sections) -> dict:
    """The minimal config with other sections, and with the schema's defaults filled in."""
    return json.loads(_resolved(json.dumps({**MINIMAL, **sections})))


@cache
def _resolved(config: str) -> str:
    filled = json.loads(config)
    validate(filled, str(SCHEMA))
    return json.dumps(filled)


def check_readout(readout: dict) -> None:
    """What the dry run checks of a readout `r`, without files of models."""
    config = {**resolved(), "readouts": {"r": readout}}
    check_config(config, schema())
    check_targets(Config.of(config))


class Tracks(nn.Module):
    """Logits (n, 2, length), log(1 + counts) (n, 1) and three activities (n, 3), integers that depend on positions."""

    def forward(self, X):
        tables = [torch.as_tensor(table, dtype=X.dtype, device=X.device) for table in (LOGITS, ACTIVITIES, COUNTS)]
        ramp = torch.arange(1, X.shape[-1] + 1, dtype=X.dtype, device=X.device)
        counts = torch.einsum("l,nlp->n", tables[2], X)
        return tables[0] @ X, counts.log1p().unsqueeze(-1), torch.einsum("al,nlp,p->na", tables[1], X, ramp)


def expected_activities(sequence: str) -> np.ndarray:
    """The activities of `Tracks`, letter by letter in float64."""
    return sum((p * ACTIVITIES[:, "ACGT".index(x)] for p, x in enumerate(sequence, 1) if x != "N"), np.zeros(3))


def expected_counts(sequence: str) -> np.ndarray:
    """The expected profile of `Tracks`, (2, length), letter by letter in float64."""
    logits = np.array([[row["ACGT".index(x)] if x != "N" else 0 for x in sequence] for row in LOGITS], dtype=float)
    total = sum(COUNTS["ACGT".index(x)] for x in sequence if x != "N")
    return np.exp(logits) / np.exp(logits).sum() * total


def substituted(background: str, element: str, start: int) -> str:
    """A background with an element in it, where N keeps the background's base."""
    letters = list(background)
    for i, letter in enumerate(element, start):
        letters[i] = letters[i] if letter == "N" else letter
    return "".join(letters)


def write_fasta(path: Path, sequences: list[str]) -> str:
    path.write_text("".join(f">{path.stem}_{i}\n{sequence}\n" for i, sequence in enumerate(sequences)))
    return str(path)


def screen_of(
    folder: Path,
    motifs: list[str],
    letters: list[str],
    controls: dict | None = None,
    pairs: list[dict] | None = None,
    **sections,
) -> dict:
    """A resolved config that substitutes these motifs into these backgrounds, written to FASTA files.

    The motifs are named motif_0, motif_1 and so on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table = {"file": write_fasta(folder / "motif.fa", motifs), "sequences": "consensus"}
    fasta = write_fasta(folder / "background.fa", letters)
    spec = {"length": len(letters[0]), "fasta": fasta, "max_unknown": None, **sections.pop("backgrounds", {})}
    elements = {"motifs": [table], "pairs": pairs or []}
    elements |= {} if controls is None else {"controls": controls}
    return resolved(elements=elements, backgrounds=spec, **sections)


class Run(NamedTuple):
    """A screen all of whose jobs were run."""

    plan: Plan
    elements: pd.DataFrame
    pairs: pd.DataFrame
    placed: pd.DataFrame
    backgrounds: pd.DataFrame
    targets: dict
    effects: list[str]
    profiles: list[str]
    control_pairs: pd.DataFrame


def run_screen(config: dict, folder: Path) -> Run:
    """Run all jobs of a screen into a folder, as the workflow does."""
    results, screen = folder / "results", Config.of(config)
    elements, motifs, annotations, pairs, _, _, control_pairs, _ = read_elements(screen)
    spec = config["backgrounds"]
    selected, _ = select_backgrounds(screen)
    backgrounds = transform_backgrounds(
        selected, spec["transform"], spec["copies"], config["seed"], screen.backgrounds.local_bin
    )
    paths = SimpleNamespace(**{key: str(results / f"{key}.parquet") for key in ("elements", "backgrounds")})
    write_table(elements, paths.elements, ELEMENTS, {})
    write_table(motifs, results / "motifs.parquet", MOTIFS, {})
    write_table(annotations, results / "annotations.parquet", ANNOTATIONS, {})
    write_table(backgrounds, paths.backgrounds, BACKGROUNDS, {})
    plan = make_plan(config, folder / "cache")
    targets, effects, profiles = {}, [], []
    for name, jobs in plan.jobs.items():
        found = probe(screen, name, plan.n_backgrounds)
        paths.probe = str(results / "models" / f"{name}.json")
        write_json(found, paths.probe)
        targets[name] = found["targets"]
        model = load_readout_model(screen, name)
        for job in jobs:
            kinds = {key: (screen.effects_dataset, key) for key in readouts_of(screen)}
            kinds |= {Profile(key): ("profile_sums", key) for key in profile_readouts(screen)}
            outputs = {
                key: str(results / kind / f"model={name}" / f"readout={readout}" / f"{job}.parquet")
                for key, (kind, readout) in kinds.items()
            }
            shard = read_shard(screen, name, job, paths)
            device, pieces = torch.device("cpu"), results / "unfinished" / name / job
            facts = {"model": name, "job": job}
            ran = run_effects(model, shard, screen, outputs, device, pieces, facts)
            record = {**facts, **ran, "warnings": []}
            write_json(record, results / "jobs" / "screen" / name / f"{job}.json")
            effects += [path for key, path in outputs.items() if not isinstance(key, Profile)]
            profiles += [path for key, path in outputs.items() if isinstance(key, Profile)]
    placed = placed_table(elements, screen.placement, spec["length"])
    return Run(plan, elements, pairs, placed, backgrounds, targets, effects, profiles, control_pairs)


def finish(config: dict, run: Run, folder: Path) -> Path:
    """Merge a screen that was run into a folder, as the workflow does; the folder of its results."""
    results, readouts = folder / "results", readouts_of(Config.of(config))
    effects = find_parts(run.effects, run.placed, run.targets, config["groups"])
    among = families(run.elements, config["elements"].get("controls"))
    kept = config["keep_effects"]
    merge_effects(effects, run.placed, among, readouts, results / "summary.parquet", {}, kept)
    scales = {name: readout.scale for name, readout in readouts.items()}
    if Config.of(config).placement.several_starts:
        neutral = {name: scale.neutral for name, scale in scales.items()}
        n_starts = run.placed["start"].nunique()
        merge_scans(results / "summary.parquet", n_starts, neutral, results / "scans.parquet", {})
    if config["elements"]["arrangements"]:
        ratios = [name for name, scale in scales.items() if scale.name == "ratio"]
        arrangements = read_elements(Config.of(config)).arrangements
        write_table(arrangements, results / "arrangements.parquet", ARRANGEMENTS, {})
        copies = merge_copies(results / "summary.parquet", arrangements, ratios)
        write_table(copies, results / "copies.parquet", COPIES, {})
    if run.profiles:
        profiles = find_parts(run.profiles, run.placed, run.targets, config["groups"])
        merge_profiles(profiles, run.placed, config["backgrounds"]["length"], results / "profiles.parquet", {})
    if config["elements"]["pairs"]:
        paths = [results / f"{name}.parquet" for name in ("cooperativity", "pairs_summary")]
        level = config["elements"].get("controls", {}).get("level")
        merge_pairs(effects, run.placed, run.pairs, run.control_pairs, level, readouts, paths, {})
    kinds = {kind: int(n) for kind, n in run.elements["kind"].value_counts().items()}
    counts = {"elements": len(run.elements) - kinds.get("control", 0), "controls": kinds.get("control", 0)}
    counts |= {"motifs": kinds.get("motif", 0), "annotations": kinds.get("annotation", 0)}
    counts |= {"backgrounds": {"read": len(run.backgrounds), "kept": len(run.backgrounds)}}
    provenance = {
        **{"config": config, "marginalization": "0", "commit": None, "packages": {}, "command": "none"},
        "counts": {**counts, "annotations_with_unknown_letters": 0},
        "devices": {model: ["cpu"] for model in config["models"]},
        "wall_seconds": {model: dict.fromkeys(jobs, 1.0) for model, jobs in run.plan.jobs.items()},
    }
    write_json(provenance, results / "provenance.json")
    return results


def cluster(config: dict, results: Path) -> Path:
    """Gather the like motifs of a finished screen in clusters, as the workflow does; the folder of its results."""
    readouts = readouts_of(Config.of(config))
    neutral = {name: readout.scale.neutral for name, readout in readouts.items()}
    motifs = read_table(results / "motifs.parquet", MOTIFS)
    if len(motifs):
        table = merge_clusters(str(results / "summary.parquet"), motifs, neutral)
        write_table(table, results / "clusters.parquet", CLUSTERS, {})
    return results


def shown_on(html: str) -> dict:
    """What a report's page shows: the contents in it."""
    match = re.search(r'^window\.PACKED = "(.*)";$', html, re.MULTILINE)
    return json.loads(zlib.decompress(base64.b64decode(match[1])))
