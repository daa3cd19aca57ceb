"""The config's section `elements.ablations`: what is wrong with it in words, its tables and its files."""

from __future__ import annotations

from ..errors import InputError
from .checks import require_file
from .sections import Config
from .sections.substitutions import REPLACEMENTS, Ablations, Annotations

PLACE = "elements.ablations"


def check_ablations(config: Config) -> None:
    """Raise an InputError for the first thing in a resolved config's ablations, if there are any, that is wrong."""
    if config.elements.ablations is None:
        return
    ablated_tables(config)
    for name, model in config.models.items():
        for i, item in enumerate(model.inputs):
            if item.constant is None and item.one_hot is None:
                raise InputError(
                    f"config: {PLACE}: models.{name}.inputs[{i}] has a row for each background, and the loci of "
                    f"ablations are none; give the input as a constant, or ablate in a screen without this model"
                )


def ablated_tables(config: Config) -> tuple[Annotations, ...]:
    """The tables of annotations that are ablated; an InputError where one has no genome, or there are none."""
    spec = config.elements.ablations
    assert spec
    tables = spec.annotations or config.elements.annotations
    if not tables:
        raise InputError(f"config: {PLACE}: there are no annotations to ablate; give tables as {PLACE}.annotations")
    for table in tables:
        if table.genome is None:
            raise InputError(
                f"config: {PLACE}: {table.file} goes with patterns, and what is ablated lies in a genome; give tables "
                f"with a genome as {PLACE}.annotations"
            )
    return tables


def ablation_files(config: Config) -> list[str]:
    """The files that instances are read from; an InputError when one does not exist."""
    if config.elements.ablations is None:
        return []
    named = {path for table in ablated_tables(config) for path in (table.file, table.genome) if path is not None}
    return [require_file(path, PLACE) for path in sorted(named)]


def n_replaced(spec: Ablations) -> int:
    """How many times a stretch is replaced."""
    return spec.shuffles if spec.by in REPLACEMENTS else 1


def n_constructs(spec: Ablations) -> int:
    """How many constructs an instance takes: its replacements, and those of the stretches elsewhere."""
    return n_replaced(spec) * (1 + spec.elsewhere)
