"""Incremental inference: pay only for what a substitution changes.

A substitution of m bases changes a window of each layer, which grows with the receptive field; all else equals the
background's activations, which are the same for every element.

    input      ..............[====]..............    m bases differ
    layer 1    ............[========]............    kernel k: m + k - 1 positions differ
    layer 2    .........[==============].........    dilation d: d (k - 1) more
    readout              [----------]                what is left of them where the readout looks

So a model is captured once as a graph (`torch.export`) and run once on the backgrounds, keeping only those stretches of
those activations that will be read. Then each element's own *difference* d from its background passes through the
graph: a linear operation A takes it as it is, A(x + d) - A(x) = A d, and any other f needs the background's x on the
window alone, f(x + d) - f(x). Where a window ends, at a mean or a dense layer, the difference is added to the
background's value; from the first operation without a rule (see `registry`) the whole tensor is put together so, and
computed as usual, but of what follows only the positions that the outputs take. The result is that of a full forward
pass up to the rounding of floating point, for every model.
"""

from __future__ import annotations

import itertools
import logging
import operator
from collections.abc import Collection, Sequence
from typing import Any

import torch
from torch import nn
from torch.fx import Node

from ...models.outputs import map_tree
from .capture import captured
from .execution import Run
from .gaps.cores import Core
from .gaps.cores import together as cores_together
from .gaps.reached import Gap, Place
from .planner import Parts, Planner, Program, last_uses
from .rules.base import function_of, size_of
from .rules.windows import Window, merged, narrow, together

logger = logging.getLogger(__name__)

WORK_BYTES = {"cpu": 3 * 2**23, "cuda": 2**29}
"""How large a step may be: on a CPU, not much larger than the cache."""

CACHE_BYTES = {"cpu": 2**31, "cuda": 2**34}
"""How much may be kept of the backgrounds' activations."""

FULL_BYTES = {"cpu": 2**24, "cuda": 2**36}
"""How much a batch in full passes may hold, beside the weights; one row runs however much it holds.

On a CPU, not much more than its cache: each of 8 sequences takes a BPNet half the time that each of 64 does.
"""

PROGRAM_NODES = 2**15
"""How many nodes of the graph the programs that are kept may have in all; each takes about 2 KiB."""


class Incremental:
    """A model captured as a graph, which runs on backgrounds once and then on substitutions into them.

    Args:
        model: any module that `torch.export` captures with a symbolic batch, in evaluation mode.
        inputs: one-hot sequences (n, letters, length) in the model's dtype, and its further inputs of n rows; of the
            shapes, dtypes and device of all that follow.
        precision: of the matrix products of differences in float32, as `torch.set_float32_matmul_precision` has it.

    Raises:
        Exception: whatever `torch.export` raises for a model that it can not capture.
    """

    def __init__(self, model: nn.Module, inputs: Sequence[torch.Tensor], precision: str = "highest"):
        self.module, self.nodes, self.outputs, self.tree, self.programs, self.held = captured(model, inputs)
        self.placeholders = [node for node in self.nodes if node.op == "placeholder"]
        self.values: dict[Node, Any] = {}
        self.made: dict[Node, torch.Tensor] = {}
        self.cache: dict[Node, tuple[torch.Tensor, Window | None]] = {}
        self.device, self.itemsize = inputs[0].device, inputs[0].element_size()
        self.work_bytes, self.cache_bytes = WORK_BYTES[self.device.type], CACHE_BYTES[self.device.type]
        self.most_programs = max(2, PROGRAM_NODES // len(self.nodes))
        self.precision = precision
        self.prepared: tuple[int, int] | None = None
        self.covered: set[Place] = set()
        self.infinite: set[Node] = set()
        self.planner = Planner(self.nodes, dict.fromkeys(self.outputs))
        self.run = Run(self)

    def program(self, lo: int, hi: int, gap: Gap | None = None) -> Program:
        """What to compute for substitutions at the positions `lo` to `hi`; the programs used last are kept."""
        place = Place(lo, hi, gap)
        program = self.programs.pop(place, None) or self.planner.plan(Window(2, lo, hi), self.infinite, gap)
        self.programs[place] = program
        if len(self.programs) > self.most_programs:
            oldest = next(iter(self.programs))
            del self.programs[oldest]
            self.covered.discard(oldest)
        return program

    def prepare(
        self,
        inputs: Sequence[torch.Tensor],
        rows: tuple[int, int],
        lo: int,
        hi: int,
        batch_size: int,
        further: Collection[Place] = (),
    ) -> None:
        """Run backgrounds, and keep what substitutions within the positions `lo` to `hi` will read.

        What was kept for other positions stays while there is room for both.

        Args:
            inputs: the backgrounds, and the model's further inputs.
            rows: which backgrounds they are; those that were prepared last are not run again.
            lo, hi: the positions.
            batch_size: backgrounds to run at a time.
            further: places with gaps, within these positions, of which more is read.
        """
        places = [Place(lo, hi), *further]
        if self.prepared != rows or not self._room_for(self._reads(places), len(inputs[0])):
            self.cache.clear()
            self.covered.clear()
            self.run.forget()
        self.prepared, self.inputs, self.batch_size = rows, inputs, batch_size
        self._cover(places)

    def forget(self) -> None:
        """Keep nothing of the backgrounds: those that follow are others."""
        self.prepared = None

    def before(self) -> Any:
        """The model's output tree for the backgrounds; after `prepare`."""
        return self._unflatten([self.cache[node][0] for node in self.outputs])

    def after(self, delta: torch.Tensor, lo: int, rows: slice, gap: Gap | None = None, core: Core | None = None) -> Any:
        """The model's output tree for backgrounds that differ on a window.

        Args:
            delta: differences of the input, shape (n_rows, letters, width).
            lo: the window's first position; the window must lie within what was prepared.
            rows: the backgrounds: one for all rows, or one for each.
            gap: which part of the window need not be computed.
            core: where the gap is of letters, what `core` gives for them, of one element or of one for each row.
        """
        program = self._covered(lo, lo + delta.shape[2], gap)
        delta = self._used(program, delta, lo)
        while True:
            try:
                return self._unflatten(self._after(program, delta, rows, core))
            except torch.OutOfMemoryError:
                if program.size is None or self.work_bytes < self.itemsize * program.size:
                    raise  # a row at a time is too much already
                self.work_bytes //= 2
                self.run = Run(self)
                logger.warning("out of memory: going on with batches of %.3g MiB a step", self.work_bytes / 2**20)

    def core(self, delta: torch.Tensor, lo: int, gap: Gap) -> Core:
        """What elements alone decide, the same in all backgrounds.

        Args:
            delta: differences of the elements from the first background that is prepared.
            lo, gap: as for `after`.
        """
        program = self._covered(lo, lo + delta.shape[2], gap)
        if (cores := program.cores) is None:
            return Core({}, {})
        delta = self._used(cores.program, delta, lo)
        batches = self._batches(cores.program, len(delta))
        return cores_together([self.run.core_of(program, delta[some], slice(0, 1)) for some in batches])

    def floats_per_background(self, lo: int, hi: int, further: Collection[Place] = ()) -> int:
        """How many numbers are kept of each background."""
        return _floats(self._reads([Place(lo, hi), *further]))

    def backgrounds_at_once(self, lo: int, hi: int, further: Collection[Place] = ()) -> int:
        """How many backgrounds to prepare at a time."""
        return max(1, self.cache_bytes // (self.itemsize * self.floats_per_background(lo, hi, further)))

    def batches(self, place: Place, n: int) -> list[slice]:
        """Which of n backgrounds run at a time: what is made of these for one motif is there for the next."""
        return self._batches(self.program(*place), n)

    def full_at_once(self, batch_size: int) -> int:
        """How many rows to run in full at a time."""
        return max(1, min(batch_size, FULL_BYTES[self.device.type] // max(1, self.held)))

    def _used(self, program: Program, delta: torch.Tensor, lo: int) -> torch.Tensor:
        """Of the input's difference from position `lo` on, what a program uses."""
        used = program.windows.get(self.placeholders[0])
        return delta if used is None else narrow(delta, used, lo)

    def _after(self, program: Program, delta: torch.Tensor, rows: slice, core: Core | None) -> list[torch.Tensor]:
        """The outputs for all rows, as many at a time as may be."""
        if program.size is None:
            return self.run.outputs(program, delta, rows, core)
        parts = []
        for batch in self._batches(program, len(delta)):
            own = rows if rows.stop - rows.start == 1 else slice(rows.start + batch.start, rows.start + batch.stop)
            parts.append(self.run.outputs(program, delta[batch], own, core and core.rows(batch)))
        return [torch.cat(outputs) for outputs in zip(*parts, strict=True)]

    def _batches(self, program: Program, n_rows: int) -> list[slice]:
        """Which rows run at a time."""
        if program.size is None:
            return [slice(0, n_rows)]
        n_batches = min(n_rows, -(-n_rows * program.size * self.itemsize // self.work_bytes))
        return [slice(*bounds) for bounds in itertools.pairwise(n_rows * i // n_batches for i in range(n_batches + 1))]

    # The backgrounds.

    def _covered(self, lo: int, hi: int, gap: Gap | None = None) -> Program:
        """A program for the positions `lo` to `hi`, all that it reads of the backgrounds being kept."""
        self._cover([place := Place(lo, hi, gap)])
        return self.program(*place)

    def _reads(self, places: Collection[Place]) -> Parts:
        """What the programs for some places read of the backgrounds."""
        return together(part for place in places for part in self.program(*place).reads.items())

    def _cover(self, places: Collection[Place]) -> None:
        """Keep of the backgrounds all that the programs for some places read.

        What a narrow window reads is, but for models that treat parts of their input differently, a part of what a
        wider one does; where it is not, the backgrounds run again. So they do when some activation of theirs turns out
        infinite: differences from it say nothing, so there is another program, which takes it whole.
        """
        while not self.covered.issuperset(places):
            known = len(self.infinite)
            self._keep_reads(places)
            if len(self.infinite) == known:
                self.covered.update(self.programs.keys() & set(places))
                return
            self.programs = {}  # of these backgrounds alone
            self.covered.clear()

    def _keep_reads(self, places: Collection[Place]) -> None:
        """Run the backgrounds for what programs read of them and is not kept yet."""
        missing = self._missing(self._reads(places))
        for node in missing:
            self.cache.pop(node, None)
        self.run.forget()
        steps = [step for place in places for step in self.program(*place).steps]
        ruled = {step.node for step in steps if step.rule is not None and step.parts is None}
        n = len(self.inputs[0]) if missing else 0
        at_once = self.full_at_once(self.batch_size)
        for first in range(0, n, at_once):
            batch = slice(first, min(first + at_once, n))
            self._run_backgrounds([x[batch] for x in self.inputs], missing, ruled, batch, n)

    def _missing(self, reads: Parts) -> Parts:
        """What of some reads is not kept yet, and what is kept of the same nodes."""
        missing: Parts = {}
        for node, window in reads.items():
            both = merged(self.cache[node][1], window) if node in self.cache else window
            if node not in self.cache or both != self.cache[node][1]:
                missing[node] = both
        return missing

    def _room_for(self, reads: Parts, n: int) -> bool:
        """Whether reads of n backgrounds may be kept beside what is."""
        missing = self._missing(reads)
        kept = {node: window for node, (_, window) in self.cache.items()}
        return not missing or n * self.itemsize * _floats(kept | missing) <= self.cache_bytes

    def _run_backgrounds(self, inputs: list[torch.Tensor], reads: Parts, ruled: set[Node], rows: slice, n: int) -> None:
        """Run a batch of the n backgrounds as usual, keep what is read, and note what is infinite and has a rule."""
        env: dict[Node, Any] = dict(zip(self.placeholders, inputs, strict=True))
        dropped = last_uses(self.nodes)
        for node in self.nodes:
            if node.op == "get_attr":
                env[node] = self.values.setdefault(node, operator.attrgetter(str(node.target))(self.module))
            elif node.op == "call_function":
                args, kwargs = torch.fx.map_arg((node.args, node.kwargs), env.__getitem__)
                env[node] = function_of(node)(*args, **kwargs)
                if not node.meta["of_batch"]:
                    self.values[node] = env[node]
            if node in ruled and not env[node].sum().isfinite():
                self.infinite.add(node)
            if node in reads:
                self._keep(node, env[node], reads[node], rows, n)
            for used in dropped[node]:
                del env[used]

    def _keep(self, node: Node, value: Any, window: Window | None, rows: slice, n: int) -> None:
        value = value if window is None else narrow(value, window)
        if node not in self.cache:
            self.cache[node] = (value.new_empty((n, *value.shape[1:])), window)
        self.cache[node][0][rows] = value

    def _unflatten(self, leaves: list[torch.Tensor]) -> Any:
        remaining = iter(leaves)
        return map_tree(lambda _: next(remaining), self.tree)


def _floats(reads: Parts) -> int:
    """How many numbers nodes have on windows, for one background."""
    return sum(size_of(node, window) for node, window in reads.items())
