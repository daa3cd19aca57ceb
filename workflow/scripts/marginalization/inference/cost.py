"""What a model costs, counted on a sequence or two, and whether capturing it for incremental inference pays.

A count, not a time, so that a call runs in the same way, and gives the same bytes, each time that a process comes to it
by the same way. What memory a sequence takes is counted without running it.
"""

from __future__ import annotations

import contextlib
import sys
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

MULTIPLICATIONS, NUMBERS, LANES = 3.5e10, 1.4e9, 16
"""About how many multiplications, and how many numbers that operations give, take a thread of a CPU a second, fitted to
the zoo's networks: most take 0.8 to 2 times as long. A convolution computes so many channels at a time, also where it
gives fewer, as the head of a BPNet does."""

IMPORT, CAPTURE, CAPTURE_STEP, CAPTURE_RECURRENT = 1.1, 0.1, 0.008, 2.5
"""About how many seconds it takes to import PyTorch's exporter, which a process does once; and to capture a model and
to check it: in all, for each operation, and for recurrent layers, which PyTorch writes out step by step."""

EXPORTER = "torch.export._trace"
"""A module of it, and of nothing else."""

STEP = 7e-5
"""About how many seconds a step of a program takes beside what it computes."""

TIMES = 2
"""About how many times as long as in full passes a number takes in incremental inference."""

PAYS_FROM, SURE_FROM = 1.1, 20
"""How many times what capturing takes is to be saved by it; and how long full passes are to take for it to be tried
whatever is saved."""

AT_MOST = 2
"""About how many times as long as to multiply each position by each weight a model takes at the most."""

ROWS = 256
"""How many rows a step has at the most."""

SAMPLES = 2**14
"""How many of an operation's numbers are compared."""

HELD = 3
"""About how many outputs as large as the largest of an operation a pass holds at a time."""

TOO_LITTLE = "there is too little to compute for capturing the model to pay"

LAYERS = {"mkldnn_rnn_layer", "_cudnn_rnn", "_native_multi_head_attention", "_transformer_encoder_layer_fwd"}
"""Operations that are whole layers: they multiply each position by all their weights."""


_in_full: weakref.WeakKeyDictionary[nn.Module, int] = weakref.WeakKeyDictionary()
"""How many marginals calls of this process computed in full that were too short for capturing the model to pay."""


class Cost:
    """What incremental inference saves of some marginals, and what it takes, in seconds by a count.

    What earlier calls computed in full, too short as they were, counts as if it was to be done again: a model that is
    called on and on is captured once that would have paid, which is never twice as long as the best way in hindsight
    (as to rent skis until one could have bought them; Karlin et al. 1988, Competitive snoopy caching).

    Until operations are counted, each weight may be used at every position, and `AT_MOST` as much time go elsewhere,
    and each module that has none within it is an operation.

    Args:
        model: of sequences of `length` positions.
        n_motifs, n_backgrounds: whose product is the number of marginals.
    """

    def __init__(self, model: nn.Module, length: int, n_motifs: int, n_backgrounds: int):
        self.model, self.marginals = model, n_motifs * n_backgrounds + _in_full.get(model, 0)
        self.rows = min(ROWS, max(n_motifs, n_backgrounds))
        weights = sum(weight.numel() for weight in model.parameters() if not nn.parameter.is_lazy(weight))
        self.full = AT_MOST * _seconds(weights * length, 0)
        self.capture = CAPTURE + (IMPORT if EXPORTER not in sys.modules else 0)
        if is_recurrent(model):
            self.capture += CAPTURE_RECURRENT
        self.operations = sum(next(module.children(), None) is None for module in model.modules())
        self.capture += CAPTURE_STEP * self.operations
        self.step, self.largest, self.share = 0.0, 0, 0.5

    @property
    def may_pay(self) -> bool:
        """Whether full passes take longer than capturing the model."""
        return self.marginals * self.full > PAYS_FROM * self.capture

    @property
    def is_sure(self) -> bool:
        """Whether they take so long that capturing the model is no matter."""
        return self.marginals * self.full > SURE_FROM * self.capture

    @property
    def hindrance(self) -> str | None:
        """Why capturing the model does not pay, if it does not."""
        if not self.may_pay:
            return TOO_LITTLE
        saved = self.full * (1 - TIMES * self.share) - self.step / self.rows
        if self.is_sure or self.marginals * saved > PAYS_FROM * self.capture:
            return None
        return f"about {self.share:.0%} of what the model computes differs after a substitution, which does not pay"

    def ran_in_full(self) -> None:
        """Remember that these marginals were computed in full, as they were too few."""
        _in_full[self.model] = self.marginals

    def at_once(self, batch_size: int, itemsize: int, most_bytes: int) -> int:
        """How many sequences to run in full at a time, of those that were counted: at most a batch, at least one."""
        return max(1, min(batch_size, most_bytes // max(1, HELD * self.largest * itemsize)))

    def count(self, run: Callable[[], Any], rows: int) -> None:
        """Count what a run of some sequences takes for each of them."""
        work = _Work(rows)
        _watched(run, work)
        self.full, self.largest = _seconds(work.multiplications, work.numbers), work.largest
        self.capture += CAPTURE_STEP * (work.operations - self.operations)
        self.operations = work.operations
        self.step = STEP * work.operations

    def compare(self, run: Callable[[], Any]) -> None:
        """Count how much differs in a run of two sequences, a background and that with something substituted."""
        work = _Work(rows=2, differing=True)
        _watched(run, work)
        self.share = _seconds(work.other_multiplications, work.other_numbers) / max(1e-30, self.full)


def is_recurrent(model: Callable[..., Any]) -> bool:
    """Whether a model has layers that go from position to position."""
    return isinstance(model, nn.Module) and any(isinstance(module, nn.RNNBase) for module in model.modules())


def _seconds(multiplications: float, numbers: float) -> float:
    return multiplications / MULTIPLICATIONS + numbers / NUMBERS


class _Work(TorchDispatchMode):
    """How much operations compute for a row, and how much of it is of numbers by which two rows are `differing`."""

    supports_higher_order_operators = True

    def __init__(self, rows: int, differing: bool = False):
        super().__init__()
        self.rows, self.differing, self.operations, self.largest = rows, differing, 0, 0
        self.multiplications = self.numbers = self.other_multiplications = self.other_numbers = 0.0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """PyTorch imports its compiler for modes that skip it, which takes longer than to capture a model."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if not isinstance(func, torch._ops.OpOverload):  # one that takes functions, whose operations come here, too
            return result
        self.operations += 1
        y = next((value for value in tree_leaves(result) if isinstance(value, torch.Tensor)), None)
        if y is not None and not _is_view(func):
            numbers = y.numel() // self.rows
            multiplications = _multiplications(func, args, kwargs or {}, result) / self.rows
            share = _other(y) if self.differing else 1.0
            self.largest = max(self.largest, numbers)
            self.numbers += numbers
            self.multiplications += multiplications
            self.other_numbers += share * numbers
            self.other_multiplications += share * multiplications
        return result


def _watched(run: Callable[[], Any], work: _Work) -> None:
    """Have a run counted; of a compiled model as it was written."""
    compiling = "torch._dynamo" in sys.modules
    with torch.compiler.set_stance("force_eager") if compiling else contextlib.nullcontext(), work:
        run()


def _is_view(func: Any) -> bool:
    """Whether an operation gives memory of its inputs that it does not write to."""
    return any(value.alias_info is not None and not value.alias_info.is_write for value in func._schema.returns)


def _multiplications(func: Any, args: Sequence[Any], kwargs: dict[str, Any], result: Any) -> float:
    """How many multiplications of matrices or kernels an operation takes."""
    packet = func._overloadpacket
    if packet in flop_registry:
        counted = flop_registry[packet](*args, **kwargs, out_val=result) / 2
        lanes = LANES if "convolution" in packet.__name__ and args[1].shape[1] > 1 else 1  # else channel by channel
        return counted * (-(-result.shape[1] // lanes) * lanes / result.shape[1] if lanes > 1 else 1)
    if packet.__name__ in LAYERS:
        x, *others = (value for value in tree_leaves(args) if isinstance(value, torch.Tensor))
        return x.numel() // max(1, x.shape[-1]) * sum(weight.numel() for weight in others if weight.ndim == 2)
    return 0


def _other(y: torch.Tensor) -> float:
    """The share of its numbers by which the second row, or half of the rows, differs from the first."""
    if y.ndim == 0 or len(y) % 2 or y.numel() == 0:
        return 1.0
    one, other = y.reshape(2, -1)[:, :: y.numel() // 2 // SAMPLES | 1]
    if not (y.is_floating_point() or y.is_complex()):
        return (one != other).double().mean().item()
    rounding = 16 * torch.finfo(y.dtype).eps * one.abs().max()
    return ((one - other).abs() > rounding).double().mean().item()


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
