"""A stand-in for the `snakemake` that a rule's script is given, so that its job runs without a workflow."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch


class Files(list):
    """Paths one after another, some of them by name too."""

    def __init__(self, *unnamed: str, **named: str | list[str]):
        super().__init__(unnamed)
        for name, of_name in named.items():
            self += of_name if isinstance(of_name, list) else [of_name]
            setattr(self, name, of_name)


def run_rule(
    rule: Callable[[Any], None],
    config: dict,
    log: str,
    inputs: Files,
    outputs: Files,
    wildcards: dict[str, str] | None = None,
    **params: Any,
) -> str:
    """Run a job of a rule; returns its log. Of a job that fails, the log is the error."""
    for path in (log, *outputs):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    snakemake = SimpleNamespace(
        config=config,
        log=[log],
        input=inputs,
        output=outputs,
        wildcards=SimpleNamespace(**(wildcards or {})),
        params=SimpleNamespace(**params),
        threads=torch.get_num_threads(),
    )
    with contextlib.suppress(SystemExit):
        rule(snakemake)
        return Path(log).read_text()
    raise AssertionError(Path(log).read_text())
