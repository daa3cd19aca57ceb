"""Genome-scale marginalization screens of sequence-to-function models.

The public functions are imported when first used, because Snakemake imports this package at every parse and torch
takes seconds to load.
"""

from importlib import import_module
from typing import Any

__version__ = "0.9.0"

_HOMES = {
    "ablate": "inference.ablations",
    "ablate_annotations": "inference.ablations",
    "marginalize": "inference.marginals",
    "marginalize_annotations": "inference.marginals",
    "marginalize_motifs": "inference.marginals",
    "one_hot_encode": "sequences.onehot",
    "predict": "inference.prediction",
    "saturation_mutagenesis": "inference.mutagenesis",
    "stream_motifs": "inference.streams",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
