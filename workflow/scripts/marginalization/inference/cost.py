"""What a model costs, counted on one sequence, and whether capturing it for incremental inference pays.

A count, not a time, so that a call runs in the same way, and gives the same bytes, each time. What memory a sequence
takes is counted without running it.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.utils.parametrize import ParametrizationList
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ..models.outputs import leaves

PAYS_FROM = 5 * 10**10
"""Multiplications in full forward passes that take about twice as long as capturing a model."""

HELD = 3
"""About how many outputs as large as the largest of a module a pass holds at a time."""

RECURRENT = 20
"""How many times longer capturing takes where there are recurrent layers, which PyTorch writes out step by step."""


class Cost:
    """About how many multiplications by a model's weights a sequence takes.

    Until they are counted, each weight may be used at every position.
    """

    def __init__(self, model: nn.Module, length: int):
        known = (weight for weight in model.parameters() if not nn.parameter.is_lazy(weight))
        self.of_weights = {id(weight): weight.numel() * length for weight in known}
        self.largest = 0
        self.pays_from = PAYS_FROM * (RECURRENT if any(isinstance(m, nn.RNNBase) for m in model.modules()) else 1)

    def pays(self, marginals: int) -> bool:
        """Whether capturing the model saves more than it takes, by what is known of it."""
        return marginals * sum(self.of_weights.values()) > self.pays_from

    def at_once(self, batch_size: int, itemsize: int, most_bytes: int) -> int:
        """How many sequences to run in full at a time, of those that were counted: at most a batch, at least one."""
        return max(1, min(batch_size, most_bytes // max(1, HELD * self.largest * itemsize)))

    @contextlib.contextmanager
    def counting(self, model: nn.Module) -> Iterator[None]:
        """Count while one sequence runs: a module uses its weights once for each position of what it gives."""
        counted: dict[int, int] = {}

        def count(module: nn.Module, _: Any, output: Any) -> None:
            with contextlib.suppress(ValueError):  # what it gives is no tree of tensors
                numbers = max(y.numel() for y in leaves(output))
                self.largest = max(self.largest, numbers)
                for weight in module.parameters(recurse=False):
                    channels = weight.shape[0] if weight.ndim else 1
                    uses = max(1, numbers // max(1, channels))
                    counted[id(weight)] = counted.get(id(weight), 0) + uses * weight.numel()

        # A parametrization gives the weight itself, and TorchScript has no hooks.
        silent = ParametrizationList, torch.jit.ScriptModule
        modules = [module for module in model.modules() if not isinstance(module, silent)]
        handles = [module.register_forward_hook(count) for module in modules]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
            self.of_weights |= counted


class _Held(TorchDispatchMode):
    """How many bytes the results of operations hold at a time, those that share memory counted once."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0
        self.known: weakref.WeakSet[Any] = weakref.WeakSet()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if any(value.alias_info is not None for value in func._schema.returns):
            return result  # a view
        for value in tree_leaves(result):
            if isinstance(value, torch.Tensor) and (storage := value.untyped_storage()) not in self.known:
                self.known.add(storage)
                self.now += storage.nbytes()
                self.most = max(self.most, self.now)
                weakref.finalize(storage, self._free, storage.nbytes())
        return result

    def _free(self, n_bytes: int) -> None:
        self.now -= n_bytes


def held_for_one(model: Callable[..., Any], inputs: Sequence[torch.Tensor]) -> int | None:
    """How many bytes one row of the inputs holds at the most while a model runs, beside the weights.

    Nothing is computed: each operation tells the shape of what it would give. None for a model that this fails for.
    """
    from torch._subclasses.fake_tensor import FakeTensorMode  # which takes a while

    held = _Held()
    try:
        with torch.no_grad(), FakeTensorMode(allow_non_fake_inputs=True) as fake:
            rows = [fake.from_tensor(x[:1]) for x in inputs]
            with held:
                model(*rows)
    except Exception:  # a model that looks at values, or is none of PyTorch's
        return None
    return held.most + sum(x[:1].numel() * x.element_size() for x in inputs)
