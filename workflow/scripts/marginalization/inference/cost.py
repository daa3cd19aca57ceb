"""What a model costs, counted on one sequence, and whether capturing it for incremental inference pays.

A count, not a time, so that a call runs in the same way, and gives the same bytes, each time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.nn.utils.parametrize import ParametrizationList

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
