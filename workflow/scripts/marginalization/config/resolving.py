"""A config as Snakemake reads it, made whole: checked, with its defaults filled in, before any job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from ..errors import InputError
from .ablations import check_ablations
from .attributions import check_attributions, require_tangermeme
from .checks import check_config, check_maps, expand_home
from .models import check_models, complete, require_modules
from .sections import Config
from .sections.backgrounds import LOCAL
from .targets import check_targets

OF_LOCI = ("gc", "before", "name", "chrom", "start", "end", "strand", "sequence")
"""What is known of a locus without `columns`."""


def resolve(config: dict[str, Any], schema: str, jobs_here: bool = True) -> Config:
    """Check a config and fill in its defaults, in place; returns it as sections.

    Args:
        config: as it is in the file.
        schema: path of the JSON schema, in YAML.
        jobs_here: whether the jobs' environment is this one, so that packages can be looked for.

    Raises:
        InputError: something in it is wrong, or a file of a model is.
    """
    from snakemake.utils import validate

    check_config(config, yaml.safe_load(Path(schema).read_text()))
    validate(config, schema)
    config.update(expand_home(config))
    complete(config)
    resolved = Config.of(config)
    check_models(resolved)
    _check_bins(resolved)
    _check_columns(resolved)
    _check_kept(resolved)
    check_targets(resolved)
    check_attributions(resolved)
    check_ablations(resolved)
    check_maps(resolved)
    if jobs_here:
        require_tangermeme(resolved)
        require_modules(resolved)
    return resolved


def _check_bins(config: Config) -> None:
    """Raise an InputError unless a local shuffle of backgrounds, and nothing else, has bins shorter than they are."""
    spec = config.backgrounds
    if spec.bin_size is not None and spec.local_bin is None:
        raise InputError(f"config: backgrounds: bin_size goes only with transform {LOCAL}, not {spec.transform}")
    if spec.local_bin is not None and spec.local_bin >= config.length:
        raise InputError(
            f"config: backgrounds: bins of {spec.local_bin} letters are not shorter than the {config.length} of the "
            f"backgrounds; set bin_size to less, or take dinucleotide_shuffle"
        )


def _check_columns(config: Config) -> None:
    """Raise an InputError for a column of loci that has the name of what is known of each anyway."""
    for name in config.backgrounds.loci.columns if config.backgrounds.loci else ():
        if name in OF_LOCI:
            raise InputError(f"config: backgrounds.loci.columns: {name} is known of each locus; give another name")


def _check_kept(config: Config) -> None:
    """Raise an InputError for the first thing that needs effects of each background where they are not kept."""
    if config.keep_effects == "all":
        return
    loci = config.backgrounds.loci
    for place, given, takes in (
        ("backgrounds.loci.columns", loci and loci.columns, "which effects are compared with background by background"),
        ("groups", config.groups, "whose predictions are averaged background by background"),
        ("compare", config.compare, "which compares them background by background"),
        ("elements.pairs", config.elements.pairs, "which are compared with their parts background by background"),
    ):
        if given:
            raise InputError(
                f"config: keep_effects: the effects of each background are not kept with {config.keep_effects}, and "
                f"there is {place}, {takes}; leave out the one or the other"
            )
