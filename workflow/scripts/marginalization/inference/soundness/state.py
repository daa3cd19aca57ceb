"""The state of a model: its parameters, buffers and attributes, and whether running the model changes them.

A change alone is no fault: a model may count its calls, or keep a table that it made at the first. So what has changed
only gives reason to look whether the model is a function; so do random draws, and norms that have no statistics of
their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from .attributes import Attributes
from .consistency import Fault, FaultError, Run, apart, draws, find_fault

SEQUENCES = 3
"""How many sequences tell whether a model is a function."""


class State:
    """The state of a model as it is now; of something else than a module, where the random generators are."""

    def __init__(self, model: Any):
        self.modules = dict(model.named_modules()) if isinstance(model, nn.Module) else {}
        self.seen = {name: (tensor, _version(tensor)) for name, tensor in self._tensors()}
        self.values = {
            name: tensor.clone()
            for name, tensor in self._tensors("_buffers")
            if tensor is not None and not nn.parameter.is_lazy(tensor) and not tensor.is_meta
        }
        self.attributes = Attributes(self.modules)
        self.drawn: tuple[Any, ...] | None = draws()
        self.suspect = any(map(_normalizes_by_batch, self.modules.values()))
        self.compared = False
        self.harmless: set[str] = set()

    def check(self, run: Run, n: int, doubted: bool = False) -> None:
        """Look whether the model is a function, if there is reason to.

        Args:
            run: the model.
            n: how many rows that takes.
            doubted: there is another reason.

        Raises:
            FaultError: it is none.
        """
        few = min(n, SEQUENCES)
        changed = self._changed()
        drew = self.drawn is not None and draws() != self.drawn
        if (changed or drew or doubted or (self.suspect and not self.compared)) and (fault := self._fault(run, few)):
            raise FaultError(fault, sorted(changed))
        if few > 1:  # one sequence does not tell what the model does with several
            self.harmless |= changed
            self.compared = True
        self.drawn = None if drew and few > 1 else self.drawn and draws()

    def _fault(self, run: Run, few: int) -> Fault | None:
        """In which way the model is no function, if so: by itself, or by what earlier calls left in it."""
        now, together = Attributes(self.modules), run(range(few))
        if fault := find_fault(run, few, together):
            return fault
        for i in range(few):  # with none of the others before it, in batches of one size, which are rounded alike
            self.put_back()
            if apart([y[:1] for y in run([i] * few)], [y[i : i + 1] for y in together]):
                return Fault.CHANGING
        now.put_back()  # what a model keeps for others to read is of their calls
        return None

    def put_back(self) -> None:
        """Give the model its buffers and attributes back as they were; parameters are too large to keep a copy of."""
        self.attributes.put_back()
        with torch.inference_mode():  # in which all tensors may be written to
            for prefix, module in self.modules.items():
                for key in list(module._buffers.keys()):  # TorchScript's are no dict
                    name = _name(prefix, key)
                    if name not in self.seen:
                        del module._buffers[key]
                        continue
                    tensor = self.seen[name][0]
                    if tensor is not None and name in self.values and not torch.equal(tensor, self.values[name]):
                        tensor.copy_(self.values[name])
                    if module._buffers[key] is not tensor:
                        module._buffers[key] = tensor

    def _changed(self) -> set[str]:
        """The names of what has changed since, but for what was found to do no harm."""
        changed = self.attributes.changed() - self.harmless
        for name, tensor in self._tensors():
            before, version = self.seen.get(name, (None, None))
            if name not in self.harmless and (tensor is not before or _version(tensor) != version):
                changed.add(name)
        if not self.compared:
            # Once, because it takes time, and because kernels such as batch_norm's write without a trace.
            now = {name: tensor for name, tensor in self._tensors("_buffers") if tensor is not None}
            kept = self.values.keys() - changed - self.harmless
            changed |= {name for name in kept if not torch.equal(now[name], self.values[name])}
        return changed

    def _tensors(self, *kinds: str) -> Iterator[tuple[str, torch.Tensor | None]]:
        for prefix, module in self.modules.items():
            for kind in kinds or ("_parameters", "_buffers"):
                for key, tensor in getattr(module, kind).items():
                    yield _name(prefix, key), tensor


def _normalizes_by_batch(module: nn.Module) -> bool:
    return isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is None


def _name(prefix: str, key: str) -> str:
    return f"{prefix}.{key}" if prefix else key


def _version(tensor: torch.Tensor | None) -> int:
    """A number that grows as a tensor is written to."""
    if tensor is None or nn.parameter.is_lazy(tensor) or tensor.is_inference():
        return 0  # which these do not tell
    return tensor._version
