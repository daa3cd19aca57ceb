"""How the tensors of a file become those of a model: under which names, and what differs.

Nothing fits but a state_dict that has every name of the model, in its shape. What wrappers and trainers put into names
is read away, on both sides.
"""

from __future__ import annotations

import os
import re
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn.parameter import is_lazy

_WRAPPERS = {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
"""What DataParallel, torch.compile and others put into names."""

_OF_TRAINING = re.compile(r"(\w+_)?(loss(es)?|criterion|metrics?)(_\w+)?\.|n_averaged$")
"""What training keeps beside a model: weights of the loss, states of metrics, the count of averaged models."""

_NOT_NEEDED = "num_batches_tracked"
"""A batch norm's count, which no prediction depends on and older files lack."""


class _Form(NamedTuple):
    """A way to read names: without wrappers' words or not, and without a prefix."""

    unwrapped: bool
    prefix: str

    def bare(self, name: str) -> str:
        kept = name.split(".")
        if self.unwrapped:
            kept = [part for part in kept if part not in _WRAPPERS]
        return ".".join(kept).removeprefix(self.prefix)

    def bare_path(self, path: str) -> str:
        """A module's path, where `bare` is for tensors."""
        return self.bare(f"{path}.").rstrip(".")


class Target:
    """What a model's state_dict has to be made of.

    Attributes:
        state: it, as the factory made it.
        buffers: all buffers, among them those that no state_dict has.
        tied: for each name all names of its tensor, its own first.
    """

    def __init__(self, model: nn.Module):
        self.state = model.state_dict()
        self.buffers = dict(model.named_buffers())
        self.tied = {name: [name] for name in self.state}
        shared: dict[Any, list[str]] = {}
        for name, value in self.state.items():
            if isinstance(value, torch.Tensor) and not is_lazy(value) and value.numel():
                names = shared.setdefault((value.data_ptr(), value.shape, value.stride()), [])
                names.append(name)
                for tied in names[:-1]:
                    self.tied[tied].append(name)
                    self.tied[name].append(tied)


class Fit(NamedTuple):
    """How a state_dict of a file goes into a model, and what is wrong with that: with names, or with their tensors."""

    state: dict[str, Any]
    wrong_names: list[str]
    wrong_tensors: list[str]
    renamed: dict[str, str]
    left_out: list[str]

    @property
    def problems(self) -> list[str]:
        return self.wrong_tensors + self.wrong_names


def best_fit(state: dict[str, Any], target: Target) -> Fit:
    """The fit with the fewest problems, of all forms of the state_dict's names and of the model's."""
    names = [
        name
        for name, value in state.items()
        if isinstance(name, str) and (isinstance(value, torch.Tensor) or name.endswith("_extra_state"))
    ]
    wanted = list(target.state)
    needed = [name for name in names if not _OF_TRAINING.match(name)]
    fits = []
    for own in (names, needed) if 0 < len(needed) < len(names) else (names,):
        for form in _forms(own, wanted):
            for model_form in _forms(wanted, own):
                fits.append(_fit(state, own, form, target, model_form))
                if not fits[-1].problems:
                    return fits[-1]
    return min(fits, key=lambda fit: len(fit.problems))


def _forms(names: list[str], others: list[str]) -> Iterator[_Form]:
    """The ways to read names: whole, without what they all begin by, or without what only they and not others have."""
    ends = [_Form(True, "").bare(other) for other in others if not other.endswith(_NOT_NEEDED)]
    for unwrapped in (False, True):
        bare = [_Form(unwrapped, "").bare(name) for name in names]
        if unwrapped and bare == names:
            continue
        common = os.path.commonprefix(bare)  # noqa: RUF071 - of letters, cut to whole parts below
        longer = [name.removesuffix(end) for end in ends[:1] + ends[-1:] for name in bare if name.endswith(f".{end}")]
        for prefix in dict.fromkeys(["", *longer, common[: common.rfind(".") + 1]]):
            form = _Form(unwrapped, prefix)
            if len({form.bare(name) for name in names}) == len(names):
                yield form


def _fit(state: dict[str, Any], names: list[str], form: _Form, target: Target, model_form: _Form) -> Fit:
    given = {form.bare(name): name for name in names}
    wanted = {name: model_form.bare(name) for name in target.state}
    fit = Fit(OrderedDict(), [], [], {}, sorted(map(str, state.keys() - names)))
    for name, value in target.state.items():
        sources = [given[wanted[tied]] for tied in target.tied[name] if wanted[tied] in given]
        if sources:
            fit.state[name] = state[sources[0]]
            fit.wrong_tensors.extend(_differences(name, state[sources[0]], value))
            different = [other for other in sources[1:] if not same(state[other], state[sources[0]])]
            fit.wrong_tensors.extend(
                f"{name} and {other} are one tensor in the model, but not here" for other in different
            )
            if sources[0] != name:
                fit.renamed[sources[0]] = name
        elif name.endswith(_NOT_NEEDED):
            fit.state[name] = value
        else:
            fit.wrong_names.append(f"missing {name}")
    buffers = {model_form.bare(name): value for name, value in target.buffers.items()}
    for bare in sorted(given.keys() - wanted.values()):
        fit.left_out.append(given[bare])
        if not (bare.endswith(_NOT_NEEDED) or same(state[given[bare]], buffers.get(bare))):
            fit.wrong_names.append(f"unexpected {given[bare]}")
    if fit.problems:
        return fit._replace(state=state)
    if versions := getattr(state, "_metadata", None):  # by which modules know how old their tensors are
        paths = {model_form.bare_path(path): path for path in getattr(target.state, "_metadata", {})}
        known = {paths.get(form.bare_path(path), path): version for path, version in versions.items()}
        fit.state._metadata = known  # type: ignore[attr-defined]  # where torch itself keeps them
    return fit


def _differences(name: str, given: Any, wanted: Any) -> list[str]:
    """What hinders a tensor of the file from becoming one of the model's; precision does not."""
    if not isinstance(wanted, torch.Tensor) or is_lazy(wanted):
        return []
    if given.shape != wanted.shape:
        return [f"size mismatch for {name}: {tuple(given.shape)} in the file, {tuple(wanted.shape)} in the model"]
    if _number_kind(given) != _number_kind(wanted):
        return [f"{name} is {dtype_name(given)} in the file, {dtype_name(wanted)} in the model"]
    return []


def _number_kind(value: torch.Tensor) -> str:
    return "complex" if value.is_complex() else "float" if value.is_floating_point() else "integer"


def dtype_name(value: torch.Tensor) -> str:
    return str(value.dtype).removeprefix("torch.")


def same(value: Any, other: Any) -> bool:
    both = isinstance(value, torch.Tensor) and isinstance(other, torch.Tensor)
    return both and value.shape == other.shape and torch.equal(value, other.to(value))
