"""The config's section `attributions`: what is wrong with it in words, its readouts and its files.

Nothing here imports torch, because Snakemake reads it at every parse.
"""

from __future__ import annotations

import difflib
import importlib.util
from typing import Any

from ..errors import InputError
from .checks import code_files, model_callables, readouts_of
from .dependencies import named_files
from .models import check_reference
from .sections import DEEP_LIFT_SHAP, SATURATION_MUTAGENESIS, Config

KWARGS = {DEEP_LIFT_SHAP: ["n_shuffles", "warning_threshold"], SATURATION_MUTAGENESIS: []}
"""What can be said of the functions that come along."""

GIVEN = ["model", "X", "args", "target", "device", "batch_size"]
"""What a lab's own function is called with besides its kwargs."""


def check_attributions(config: Config) -> None:
    """Raise an InputError for the first thing in a resolved config's `attributions`, if there are any, that is wrong.

    Whether a lab's own function can be imported is left to the jobs.
    """
    spec = config.attributions
    if spec is None:
        return
    known = list(readouts_of(config))
    for readout in spec.readouts or ():
        if readout not in known:
            hint = _nearest(readout, known) or f"the readouts are {', '.join(known)}"
            raise InputError(f"config: attributions.readouts: there is no readout {readout}; {hint}")
    if spec.window > config.length:
        raise InputError(
            f"config: attributions.window: {spec.window} positions are more than the backgrounds' {config.length}; "
            f"set it to {config.length} or less"
        )
    _check_kwargs(spec.function, spec.kwargs)
    if spec.function not in KWARGS:
        check_reference(spec.function, "attributions.function")
    if spec.function == DEEP_LIFT_SHAP:
        for name, model in config.models.items():
            if model.bias:
                raise InputError(
                    f"config: attributions.function: deep_lift_shap has no rule for the sum of the counts of the two "
                    f"models in models.{name}; leave out its `bias`, or use saturation_mutagenesis"
                )
            if model.cherimoya:
                raise InputError(
                    f"config: attributions.function: deep_lift_shap has no rule for the norm over all positions in "
                    f"models.{name}, a Cherimoya; use saturation_mutagenesis"
                )
            if model.file and not model.trust_pickle:
                raise InputError(
                    f"config: attributions.function: deep_lift_shap has a rule for each kind of layer, and a "
                    f"TorchScript or torch.export file such as that of models.{name} does not keep its layers; give "
                    f"the model as a factory with weights, or use saturation_mutagenesis"
                )


def require_tangermeme(config: Config) -> None:
    """An InputError when the config asks for a function of tangermeme's and that is not installed here."""
    spec = config.attributions
    if spec and spec.function == DEEP_LIFT_SHAP and importlib.util.find_spec("tangermeme") is None:
        raise InputError(
            "config: attributions.function: deep_lift_shap is tangermeme's, which is not installed; install the extra "
            "`attributions`: pip install '.[attributions]'"
        )


def attribution_readouts(config: Config) -> list[str]:
    """Names of the readouts that are attributed, sorted."""
    assert config.attributions
    return sorted(config.attributions.readouts or readouts_of(config))


def attribution_files(config: Config) -> list[str]:
    """The files that the function of the attributions is made of, among them any named in its kwargs.

    Raises:
        InputError: the function's file does not exist.
    """
    spec = config.attributions
    return sorted(code_files(spec.function, "attributions.function") | named_files(spec.kwargs)) if spec else []


def attribution_callable(function: str) -> str:
    """A function of attributions as `package.module:callable` or `path/to/file.py:callable`."""
    return {DEEP_LIFT_SHAP: "tangermeme.deep_lift_shap:deep_lift_shap"}.get(function, function)


def callables(config: Config) -> set[str]:
    """All that the config names of packages' and the lab's own code: factories, and functions."""
    named = {reference for model in config.models for reference in model_callables(config, model)}
    return named | ({attribution_callable(config.attributions.function)} if config.attributions else set())


def _check_kwargs(function: str, kwargs: dict[str, Any]) -> None:
    for key in kwargs:
        if function in KWARGS and key not in KWARGS[function]:
            known = ", ".join(KWARGS[function]) or "no kwargs"
            hint = _nearest(key, KWARGS[function]) or f"it takes {known}"
            raise InputError(f"config: attributions.kwargs: {function} takes no {key} here; {hint}")
        if key in GIVEN:
            raise InputError(f"config: attributions.kwargs: {key} is given to {function} by the workflow; leave it out")
    if function == DEEP_LIFT_SHAP:
        n = kwargs.get("n_shuffles", 1)
        if not isinstance(n, int) or n < 1:
            raise InputError(f"config: attributions.kwargs.n_shuffles: {n!r} is no number of shuffles; give 1 or more")


def _nearest(name: str, known: list[str]) -> str | None:
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else None
