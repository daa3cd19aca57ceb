"""The folder of a screen's results: every name in it is made here, and is read here.

    results/<screen>/
        summary.parquet, elements.parquet ...               tables
        provenance.json, report.html, figures/              for people
        effects/model=<model>/readout=<readout>/<job>.parquet      parts of the jobs of `screen`; so statistics/ in its
                                                            place, and profile_sums/; attribution_sums/ of the jobs
                                                            of `attribute`, ablation_outputs/ of `ablate`, and
                                                            map_outputs/ of `mutate`
        unfinished/<model>/<job>/<n>.safetensors            pieces of a job of `screen`; so unfinished_attributions/,
                                                            unfinished_ablations/ and unfinished_maps/
        models/<model>.json, rates/<model>.json             what the first look at a model found, and its rate
        jobs/<rule>/<model>/<job>.json                      how a job went
        logs/, benchmarks/                                  <rule>, <rule>/<model> or <rule>/<model>/<job>
        checksums/<file>.json                               of all files above
        superseded/<file>                                   what is of an earlier plan

A model, readout, job or figure can be one of Snakemake's wildcards, such as "{model}", too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

RULES = {
    "effects": "screen",
    "statistics": "screen",
    "profile_sums": "screen",
    "attribution_sums": "attribute",
    "ablation_outputs": "ablate",
    "map_outputs": "mutate",
}
"""The rule whose jobs write the parts of a dataset."""

UNFINISHED = {
    "screen": "unfinished",
    "attribute": "unfinished_attributions",
    "ablate": "unfinished_ablations",
    "mutate": "unfinished_maps",
}
"""Where the jobs of a rule keep their pieces."""

MODEL = "[A-Za-z0-9._-]+"
JOB = "[0-9]+of[0-9]+-[0-9]+of[0-9]+-[0-9a-f]+"
"""What models and jobs are called, as regular expressions."""

_PART = re.compile(r".*model=([^/]+)/readout=([^/]+)/([^/]+)\.parquet")
_LOG = re.compile(r"(.*)/logs/[a-z]+(/[^/]+){0,2}\.log")


class PartName(NamedTuple):
    """What the path of a part says."""

    model: str
    readout: str
    job: str


@dataclass(frozen=True)
class Results:
    """The paths of a screen's results.

    Attributes:
        folder: where they lie.
    """

    folder: Path

    @classmethod
    def of_screen(cls, screen: str) -> Results:
        """Of a screen, from the folder that Snakemake runs in."""
        return cls(Path("results", screen))

    @classmethod
    def of_log(cls, log: str | os.PathLike) -> Results:
        """Those that a rule's log lies in."""
        return cls(Path(_groups(_LOG, log)[0]))

    @classmethod
    def within(cls, folder: Path) -> list[Results]:
        """Of all screens whose results lie in a folder, side by side."""
        return [cls(path.parent) for path in sorted(folder.glob("*/summary.parquet"))]

    def __str__(self) -> str:
        return str(self.folder)

    @property
    def provenance(self) -> Path:
        return self.folder / "provenance.json"

    @property
    def report(self) -> Path:
        return self.folder / "report.html"

    @property
    def figures(self) -> Path:
        return self.folder / "figures"

    def figure(self, name: str, suffix: str) -> Path:
        return self.figures / f"{name}.{suffix}"

    def table(self, name: str) -> Path:
        return self.folder / f"{name}.parquet"

    def probe(self, model: str) -> Path:
        return self.folder / "models" / f"{model}.json"

    def rate(self, model: str) -> Path:
        return self.folder / "rates" / f"{model}.json"

    def record(self, rule: str, model: str, job: str) -> Path:
        return self.folder / "jobs" / rule / model / f"{job}.json"

    def log(self, *of: str) -> Path:
        """Of a rule, of a rule and a model, or of a rule, a model and a job."""
        return self.folder / "logs" / f"{'/'.join(of)}.log"

    def benchmark(self, *of: str) -> Path:
        """As `log`."""
        return self.folder / "benchmarks" / f"{'/'.join(of)}.tsv"

    def dataset(self, name: str) -> Path:
        return self.folder / name

    def of_model(self, dataset: str, model: str) -> Path:
        return self.dataset(dataset) / f"model={model}"

    def part(self, dataset: str, model: str, readout: str, job: str) -> Path:
        return self.of_model(dataset, model) / f"readout={readout}" / f"{job}.parquet"

    def parts(self, dataset: str, model: str = "*", readout: str = "*", job: str = "*") -> list[Path]:
        """The parts that are there, of all models, readouts and jobs unless one is given."""
        pattern = self.part(dataset, model, readout, job).relative_to(self.folder)
        return sorted(self.folder.glob(str(pattern)))

    def finished(self, rule: str) -> list[tuple[str, str]]:
        """The model and name of each job whose parts are there: once they are merged, of this plan alone."""
        parts = [part_name(path) for dataset, of in RULES.items() if of == rule for path in self.parts(dataset)]
        return sorted({(part.model, part.job) for part in parts})

    def begun(self, dataset: str) -> Iterator[Path]:
        """What `begun` named in a dataset."""
        return self.dataset(dataset).rglob(".*.parquet.*")

    def unfinished(self, rule: str) -> Path:
        return self.folder / UNFINISHED[rule]

    def pieces(self, rule: str, model: str, job: str) -> Path:
        return self.unfinished(rule) / model / job

    def checksum(self, path: Path) -> Path:
        """Where the checksum of a file of these results is noted."""
        return self.folder / "checksums" / f"{path.relative_to(self.folder)}.json"

    def noted(self) -> Iterator[tuple[Path, Path]]:
        """The files whose checksums are noted, and where."""
        folder = self.folder / "checksums"
        for path in sorted(folder.rglob("*.json")):
            yield self.folder / path.relative_to(folder).with_suffix(""), path

    def superseded(self, path: Path) -> Path:
        """Where a file of these results is set aside."""
        return self.folder / "superseded" / path.relative_to(self.folder)


def part_name(path: str | os.PathLike) -> PartName:
    """What the path of a part says of it."""
    return PartName(*_groups(_PART, path))


def _groups(form: re.Pattern[str], path: str | os.PathLike) -> tuple[str, ...]:
    """What a path holds of a form that it must have."""
    if found := form.fullmatch(os.fspath(path)):
        return found.groups()
    raise ValueError(f"{path} is not a path such as {form.pattern}")


def model_of(path: str | os.PathLike) -> str:
    """The model of a `probe` or `rate`."""
    return Path(path).stem


def begun(path: Path) -> Path:
    """Where this process writes a file until it is whole."""
    return path.with_name(f".{path.name}.{os.getpid()}")


def piece(folder: Path, first: int) -> Path:
    """The file of a piece that begins with a placement."""
    return folder / f"{first:012d}.safetensors"


def pieces(folder: Path) -> list[tuple[int, Path]]:
    """The first placement of each piece in a folder, and its file, in order."""
    return [(int(path.stem), path) for path in sorted(folder.glob("*.safetensors"))]


def shard_label(i: int, n: int) -> str:
    """Such as 0003of0008; labels of the same n sort as their numbers do."""
    digits = max(4, len(str(n)))
    return f"{i:0{digits}d}of{n:0{digits}d}"


def shard_numbers(label: str) -> tuple[int, int]:
    """The i and n of a label."""
    i, n = label.split("of")
    return int(i), int(n)


def job_name(elements: str, backgrounds: str, digest: str) -> str:
    """Of the labels of its shards, and of a digest of all that its numbers depend on."""
    return f"{elements}-{backgrounds}-{digest}"


def job_labels(job: str) -> tuple[str, str]:
    """The labels of a job's shards of elements and of backgrounds."""
    elements, backgrounds, _ = job.split("-")
    return elements, backgrounds
