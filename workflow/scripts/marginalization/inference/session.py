"""A session of a model on backgrounds: what these alone decide is computed once, then any number of streams of motifs.

Incrementally where that pays and the model allows it, otherwise by full forward passes in batches that span motifs.
Both give the same, and the first is compared with the second before it is relied on.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any

import torch

from ..models.outputs import as_callable, leaves, map_tree, row_count
from ..sequences.constructs import Placement, constructs, distinct, of_each
from .cost import TOO_LITTLE, Cost, is_recurrent
from .incremental.checking import DiffersError, checked_engine, in_full, warn
from .incremental.engine import FULL_BYTES, Incremental
from .incremental.motifs import motifs_at_once, run_backgrounds, run_group
from .prediction import (
    BATCH_SIZE,
    as_dtype,
    evaluating,
    most_on_cpu,
    of_like_sizes,
    predict,
    predict_batches,
    resolve_device,
    with_rows,
)
from .soundness.consistency import FaultError, draws_kept
from .soundness.state import State

logger = logging.getLogger(__name__)

BATCHES_PER_GROUP = 16
"""How many batches' worth of motifs are in memory at a time: enough that the short last batch costs little."""

LOOK_AHEAD = 1024
"""Motifs to look at before choosing how to run them."""

FEW_BATCHES, FEWEST_ROWS = 32, 8
"""Of how many batches at the most all are of one size in full passes on a CPU, if that is so many rows at least: for
each size kernels are made, and memory taken, which takes as long as to run a batch or two."""


@contextlib.contextmanager
def session(
    model: Callable[..., Any],
    X: torch.Tensor,
    first: Sequence[Placement],
    n_motifs: int,
    args: Sequence[torch.Tensor] | None = None,
    func: Callable[[Any], Any] | None = None,
    batch_size: int = BATCH_SIZE,
    dtype: str | torch.dtype | None = None,
    device: str | torch.device | None = None,
    incremental: bool | None = None,
    precision: str = "highest",
) -> Iterator[Session]:
    """Hold a model on a device in evaluation mode, ready for motifs in backgrounds, and give it back as it was.

    Args:
        first: the first motifs that streams will bring, up to `LOOK_AHEAD`.
        n_motifs: how many they will bring in all, as far as is known: by this, and by nothing that differs from run to
            run, it is chosen how to run.
        model, X, args, func, batch_size, dtype, device, incremental, precision: as for `stream_motifs`.

    Raises:
        FaultError: as `predict`.
    """
    device, model = resolve_device(device), as_callable(model)
    dtype = as_dtype(dtype, model)
    with evaluating(model, device) as state:
        inputs = [X.to(device), *(arg.to(device) for arg in args or ())]
        opened = Session(model, inputs, n_motifs, func, batch_size, dtype)
        if first and incremental is not False:
            opened.capture(first, state, precision, asked=incremental is True)
        yield opened


class Session:
    """A model in evaluation mode and backgrounds, on one device.

    Args:
        model: a callable of the inputs.
        inputs: one-hot backgrounds of any dtype, and the model's further inputs.
        n_motifs: how many are to come, as far as is known.
        func, batch_size, dtype: as for `predict`.
    """

    def __init__(
        self,
        model: Any,
        inputs: list[torch.Tensor],
        n_motifs: int,
        func: Callable[[Any], Any] | None,
        batch_size: int,
        dtype: torch.dtype,
    ):
        self.model, self.inputs, self.func, self.batch_size, self.dtype = model, inputs, func, batch_size, dtype
        self.n_motifs = n_motifs
        self.counted: Any = None
        self.first: Sequence[Placement] = ()
        self.engine: Incremental | None = None

    def capture(self, first: Sequence[Placement], state: State, precision: str, asked: bool) -> None:
        """Have the model ready for incremental inference where it can be, and where that pays or is asked for."""
        X = self.inputs[0]
        if (reason := _not_capturable(self.model, self.dtype)) is None:
            cost = Cost(self.model, X.shape[2], self.n_motifs, len(X))
            reason = None if asked or cost.may_pay else TOO_LITTLE
        if reason is None:
            # From here on in the model's dtype, so that windows of the backgrounds are cut from it.
            self.inputs[0] = X.to(self.dtype)
            at_once = self._look_at(state, cost, None if asked else first[len(first) // 2])
            reason = None if asked else cost.hindrance
            self.batch_size = self.batch_size if reason == TOO_LITTLE else at_once
        if reason == TOO_LITTLE:
            cost.ran_in_full()
        if reason:
            level = logging.WARNING if asked else logging.INFO
            logger.log(level, "full forward passes: %s", reason, extra=in_full(reason))
            return
        self.first = first
        try:
            with torch.no_grad(), draws_kept():
                self.engine = checked_engine(self.model, self.inputs, first, self.batch_size, precision, asked)
        except DiffersError:
            self._check(state, doubted=True)

    def onto(self, X: torch.Tensor, args: Sequence[torch.Tensor] | None, first: Sequence[Placement]) -> None:
        """Go on with other backgrounds.

        Args:
            X: as many as before, of the same length.
            args: the model's further inputs for them.
            first: the first motifs that are to go into them.
        """
        like = self.inputs[0]
        self.inputs = [X.to(like.device, like.dtype), *(arg.to(like.device) for arg in args or ())]
        self.first, self.counted = first[:LOOK_AHEAD], None
        if self.engine is not None:
            self.engine.forget()

    @torch.no_grad()
    def _look_at(self, state: State, cost: Cost, placement: Placement | None) -> int:
        """Run a background in full, for what it takes and does to the model's state: of a captured model nobody sees.

        In a short call on a CPU a batch of them, which `before` need not run again then.

        Where that tells whether capturing pays, run one also with other letters where a motif is to go.

        Returns:
            How many sequences to run in full at a time.
        """
        X, *args = self.inputs

        def batch() -> None:
            y = self._outputs(range(n))
            self.counted = y if short else None

        short = X.device.type == "cpu" and placement is not None and not cost.is_sure
        n = self._backgrounds_at_once() if short else 1
        try:
            cost.count(batch, n)
        except Exception as error:  # of the model, or of an operation that can not be counted
            logger.info("what the model computes is not counted: %s", str(error).partition("\n")[0])
            self._check(state)
            return self.batch_size
        self._check(state)
        most = FULL_BYTES.get(X.device.type, FULL_BYTES["cpu"])
        at_once = cost.at_once(self.batch_size, X.element_size(), most)
        if placement is not None and at_once > 1 and cost.may_pay and not cost.is_sure:
            motif, start = placement
            both, place = X[[0, 0]], slice(start, start + motif.shape[2])
            both[1, :, place] = both[0, :, place].roll(1, 0)
            cost.compare(lambda: self._run(both, *(arg[[0, 0]] for arg in args)))
        return at_once

    @torch.no_grad()
    def _check(self, state: State, doubted: bool = False) -> None:
        """Raise a FaultError where the model is seen to be no function of the backgrounds."""
        try:
            state.check(lambda rows: leaves(self._outputs(rows)), len(self.inputs[0]), doubted)
        except FaultError:
            raise
        except Exception as error:
            logger.info("the state of the model is not looked at: %s", error)  # a full pass fails, or tells

    def _outputs(self, rows: Sequence[int]) -> Any:
        """What the model gives for some of the backgrounds, an output tree."""
        y = self._run(*(x[list(rows)] for x in self.inputs))
        return map_tree(partial(with_rows, n=len(rows)), y)

    def _run(self, *inputs: torch.Tensor) -> Any:
        y = self.model(*inputs)
        return y if self.func is None else self.func(y)

    def before(self) -> Any:
        """The predictions for the backgrounds as they are, an output tree of tensors (n_backgrounds, ...), on the CPU.

        What the first motifs need of the backgrounds is kept from the same pass.
        """
        if self.engine is not None:
            group = self.first[: motifs_at_once(self.engine, self.inputs)]
            with self._or_in_full(), torch.no_grad():
                return run_backgrounds(self.engine, self.inputs, group, self.func, self.batch_size)
        done = 0 if self.counted is None else row_count(self.counted)
        X, *args = (x[done:] for x in self.inputs)
        parts = []
        if done:
            parts.append(self.counted)
        if len(X):
            parts.append(predict(self.model, X, args, self.func, self.batch_size, self.dtype, X.device))
        return map_tree(lambda *ys: torch.cat(ys), *parts)

    def after(self, placed: Iterable[Placement]) -> Iterator[Any]:
        """The predictions after each of some motifs, taken as needed.

        Yields:
            For the next few motifs an output tree of tensors (n_in_group, n_backgrounds, ...), on the CPU.
        """
        placed = iter(placed)
        while self.engine is not None:
            group = list(islice(placed, motifs_at_once(self.engine, self.inputs)))
            if not group:
                return
            y = None
            with self._or_in_full(), torch.no_grad():
                y = run_group(self.engine, self.inputs, group, self.func, self.batch_size)
            if self.engine is None:
                placed = itertools.chain(group, placed)
            else:
                yield map_tree(lambda t: t.cpu(), y)
        yield from self._full(placed)

    @contextlib.contextmanager
    def _or_in_full(self) -> Iterator[None]:
        """Whatever is wrong with incremental inference, full forward passes give the answer from there on."""
        try:
            yield
        except Exception as error:
            warn(error)
            self.engine = None

    def _backgrounds_at_once(self) -> int:
        """How many backgrounds a CPU runs at once in full."""
        X = self.inputs[0]
        return of_like_sizes(min(len(X), self.batch_size), most_on_cpu(X))

    def _rows_at_once(self) -> int:
        """How many rows a batch has in full passes.

        In short calls on a CPU as many as batches of backgrounds, unless layers are recurrent: whose steps take as long
        for few rows as for many.
        """
        X, rows = self.inputs[0], self._backgrounds_at_once()
        few = rows >= FEWEST_ROWS and self.n_motifs * len(X) <= FEW_BATCHES * rows
        return rows if X.device.type == "cpu" and few and not is_recurrent(self.model) else self.batch_size

    def _full(self, placed: Iterator[Placement]) -> Iterator[Any]:
        """Full forward passes, in batches that span motifs."""
        X, *args = self.inputs
        n, at_once = len(X), self._rows_at_once()
        sizes: list[tuple[int, list[int]]] = []

        def batches() -> Iterator[tuple[torch.Tensor, list[torch.Tensor]]]:
            while some := list(islice(placed, max(1, self.batch_size * BATCHES_PER_GROUP // n))):
                group, which = distinct(some)
                sizes.append((len(group), which))
                for first in range(0, len(group) * n, at_once):
                    last = min(first + at_once, len(group) * n)
                    rows = torch.arange(first, last, device=X.device) % n
                    yield constructs(X, group, first, last), [arg[rows] for arg in args]

        parts: list[Any] = []
        in_parts = 0
        for y in predict_batches(self.model, batches(), func=self.func, dtype=self.dtype, device=X.device):
            parts.append(y)
            in_parts += row_count(y)
            if in_parts == sizes[0][0] * n:
                size, which = sizes.pop(0)
                whole = map_tree(lambda *ys, size=size: torch.cat(ys).unflatten(0, (size, n)), *parts)
                yield map_tree(lambda t, which=which: of_each(t, which), whole)
                parts, in_parts = [], 0


def _not_capturable(model: Callable[..., Any], dtype: torch.dtype) -> str | None:
    """Why there can be no incremental inference, if so."""
    if not isinstance(model, torch.nn.Module):
        return "the model is not a module that PyTorch can capture"
    if dtype not in (torch.float32, torch.float64):
        return f"differences would be lost in {dtype}"
    return None
