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
background's value; from the first operation without a rule (see `operations`) the whole tensor is put together so, and
computed as usual. The result is that of a full forward pass up to the rounding of floating point, for every model.
"""

from __future__ import annotations

import contextlib
import logging
import math
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.fx import Node

from .operations import rule_for
from .operations.base import Rule, in_rows, is_size
from .operations.simplify import simplify
from .prediction import map_tree
from .windows import Window, narrow, rows_within

logger = logging.getLogger(__name__)

WORK_BYTES = {"cpu": 2**24, "cuda": 2**29}
"""How large a step may be: on a CPU, not much larger than the cache."""


class Step(NamedTuple):
    """One operation of a program: with a rule, over windows, or without one, on whole tensors."""

    node: Node
    rule: Rule | None
    inputs: dict[Node, Window]
    out: Window | None
    last_use_of: list[Node]
    spare: frozenset[Node] = frozenset()
    """Inputs that nothing else holds or needs any more: the step may write its output over them."""
    onto: Rule | None = None
    """The rule that alone takes the output, added to its `base`, which costs no more work than the difference."""
    added: frozenset[Node] = frozenset()
    """Inputs that come so, added to this step's rule's `base`."""


class Program(NamedTuple):
    """What to compute when the input differs on one window, and what to read of the backgrounds for it."""

    window: Window
    steps: list[Step]
    windows: dict[Node, Window]
    reads: dict[Node, Window | None]
    sizes: list[int | None]
    """How many numbers the steps from each on work on for a row; None where rows can not be told apart."""


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
        self.module, self.nodes, self.outputs, self.tree = capture(model, tuple(inputs))
        self.placeholders = [node for node in self.nodes if node.op == "placeholder"]
        self.values: dict[Node, Any] = {}
        self.made: dict[Node, torch.Tensor] = {}
        self.cache: dict[Node, tuple[torch.Tensor, Window | None]] = {}
        self.programs: dict[Window, Program] = {}
        self.device, self.itemsize = inputs[0].device, inputs[0].element_size()
        self.work_bytes = WORK_BYTES[self.device.type]
        self.precision = precision
        self.prepared: tuple[int, int] | None = None
        self.covered: set[Window] = set()
        self.infinite: set[Node] = set()
        self.rows = slice(0, 1)
        self.n_rows = 1
        self.step: Step | None = None
        self.buffers: dict[Any, torch.Tensor] = {}
        self.slices: dict[Any, torch.Tensor] = {}

    def program(self, lo: int, hi: int) -> Program:
        """What to compute for substitutions at the positions `lo` to `hi`."""
        window = Window(2, lo, hi)
        if window not in self.programs:
            self.programs[window] = self._plan(window)
        return self.programs[window]

    def prepare(self, inputs: Sequence[torch.Tensor], rows: tuple[int, int], lo: int, hi: int, batch_size: int) -> None:
        """Run backgrounds, and keep what substitutions within the positions `lo` to `hi` will read.

        Args:
            inputs: the backgrounds, and the model's further inputs.
            rows: which backgrounds they are; those that were prepared last are not run again.
            lo, hi: the positions.
            batch_size: backgrounds to run at a time.
        """
        if self.prepared != rows:
            self.cache, self.covered, self.slices = {}, set(), {}
        self.prepared, self.inputs, self.batch_size = rows, inputs, batch_size
        self._cover(lo, hi)

    def before(self) -> Any:
        """The model's output tree for the backgrounds; after `prepare`."""
        return self._unflatten([self.cache[node][0] for node in self.outputs])

    def after(self, delta: torch.Tensor, lo: int, rows: slice) -> Any:
        """The model's output tree for backgrounds that differ on a window.

        Args:
            delta: differences of the input, shape (n_rows, letters, width).
            lo: the window's first position; the window must lie within what was prepared.
            rows: the backgrounds: one for all rows, or one for each.
        """
        program = self._cover(lo, lo + delta.shape[2])
        first = self.placeholders[0]
        while True:
            env = {first: narrow(delta, program.windows[first], lo)} if first in program.windows else {}
            try:
                return self._unflatten(self._run(program, 0, env, rows, len(delta)))
            except torch.OutOfMemoryError:
                if self.work_bytes < self.itemsize * max(size or 1 for size in program.sizes):
                    raise  # a row at a time is too much already
                self.work_bytes //= 2
                self.buffers = {}
                logger.warning("out of memory: going on with batches of %.3g MiB a step", self.work_bytes / 2**20)

    def floats_per_background(self, lo: int, hi: int) -> int:
        """How many numbers are kept of each background."""
        return sum(_size_of(node, window) for node, window in self.program(lo, hi).reads.items())

    # What the rules ask for.

    def background(self, node: Node, window: Window | None = None) -> torch.Tensor:
        """An activation of the backgrounds of this run, 1 row or as many as differences."""

        def make() -> torch.Tensor:
            value, kept = self.cache[node]
            value = value[self.rows]
            return value if window is None else narrow(value, window, kept.lo if kept else 0)

        return self.once((node, window), make)

    def may_overwrite(self, node: Node) -> bool:
        """Whether the step at hand may write its output over this input."""
        return node in self.step.spare

    def comes_added(self, node: Node) -> bool:
        """Whether an input of the step at hand comes added to the base that its rule wants."""
        return node in self.step.added

    def base(self, out: Window) -> torch.Tensor | None:
        """What the step at hand is to add its output's difference to, if anything."""
        return None if self.step.onto is None else self.step.onto.base(self, self.step.node, out)

    def once(self, key: Any, make: Callable[[], torch.Tensor]) -> torch.Tensor:
        """Something made of these backgrounds' activations, once."""
        if key not in self.slices:
            self.slices[key] = make()
        return self.slices[key]

    def buffer(self, purpose: Any, like: torch.Tensor, *shape: int) -> torch.Tensor:
        """Memory for a purpose, the same each time: fresh memory would cost more than what is written to it."""
        n = math.prod(shape)
        held = self.buffers.get(purpose)
        if held is None or held.numel() < n or held.dtype != like.dtype:
            self.buffers[purpose] = held = like.new_empty(n)
        return held[:n].view(shape)

    def constant(self, node: Node, window: Window | None = None) -> Any:
        """A weight, or what is computed from weights alone."""
        value = self.values[node]
        return value if window is None else narrow(value, window)

    def derived(self, node: Node, make: Callable[[], torch.Tensor]) -> torch.Tensor:
        """Something made of a node's weights, once."""
        if node not in self.made:
            self.made[node] = make()
        return self.made[node]

    # Running.

    def _run(self, program: Program, first: int, env: dict[Node, Any], rows: slice, n_rows: int) -> list[torch.Tensor]:
        """The outputs for `n_rows` substitutions, from the step `first` on, given what the steps before it left.

        Where a step's work gets too large, it and the rest run for some of the rows after the others: the many small
        steps then share their cost between many rows, while the few large ones stay in the cache, or in memory.
        """
        self._face(rows, n_rows)
        for i in range(first, len(program.steps)):
            step, size = program.steps[i], program.sizes[i]
            if size is not None and n_rows > (most := rows_within(self.work_bytes, size * self.itemsize, self.device)):
                return self._run_in_parts(program, i, env, rows, n_rows, most)
            env[step.node] = self._compute(step, program, env)
            for node in step.last_use_of:
                del env[node]
        return [self._whole(node, program, env) for node in self.outputs]

    def _run_in_parts(
        self, program: Program, first: int, env: dict[Node, Any], rows: slice, n_rows: int, most: int
    ) -> list[torch.Tensor]:
        """The same, at most `most` rows at a time."""
        parts = []
        for lo in range(0, n_rows, most):
            hi = min(lo + most, n_rows)
            own = rows if rows.stop - rows.start == 1 else slice(rows.start + lo, rows.start + hi)
            some = {node: value[lo:hi] for node, value in env.items() if not is_size(node)}
            parts.append(self._run(program, first, some, own, hi - lo))
        return [torch.cat(outputs) for outputs in zip(*parts, strict=True)]

    def _face(self, rows: slice, n_rows: int) -> None:
        """Have the backgrounds `rows` at hand: one for all of `n_rows` substitutions, or one for each."""
        if rows != self.rows:
            self.slices = {}
        self.rows, self.n_rows = rows, n_rows

    def _compute(self, step: Step, program: Program, env: dict[Node, Any]) -> Any:
        if step.rule is not None:
            deltas = {node: (window, env[node]) for node, window in step.inputs.items()}
            self.step = step
            with products(self.precision):
                return step.rule.apply(self, deltas, step.out)
        args, kwargs = torch.fx.map_arg((step.node.args, step.node.kwargs), lambda n: self._whole(n, program, env))
        return step.node.target(*args, **kwargs)

    def _size(self, node: Node) -> int | float:
        """A size, or what is computed of sizes, for the rows of this run."""
        value = node.meta["val"]
        if not isinstance(value, (torch.SymInt, torch.SymFloat)):
            return value
        expression = value.node.expr
        expression = expression.subs(dict.fromkeys(expression.free_symbols, self.n_rows))
        return int(expression) if isinstance(value, torch.SymInt) else float(expression)

    def _whole(self, node: Node, program: Program, env: dict[Node, Any]) -> Any:
        """The whole value of a node for the rows of this run."""
        window = program.windows.get(node)
        if node in env and window is None:
            return env[node]
        if not node.meta["of_batch"]:
            return self.constant(node)
        if is_size(node):
            return self._size(node)
        before = self.background(node)
        before = before.expand(self.n_rows, *before.shape[1:])
        if node not in env:
            return before
        whole = before.clone(memory_format=torch.contiguous_format)
        shaped = whole if window.flat is None else whole.view(self.n_rows, *window.flat)
        narrow(shaped, window).add_(env[node])
        return whole

    def _cover(self, lo: int, hi: int) -> Program:
        """A program for the positions `lo` to `hi`, all that it reads of the backgrounds being kept.

        What a narrow window reads is, but for models that treat parts of their input differently, a part of what a
        wider one does; where it is not, the backgrounds run again. So they do when some activation of theirs turns out
        infinite: differences from it say nothing, so there is another program, which takes it whole.
        """
        while (program := self.program(lo, hi)).window not in self.covered:
            known = len(self.infinite)
            self._keep_reads(program)
            if len(self.infinite) > known:
                self.programs = {}
                self.covered = set()
            else:
                self.covered.add(program.window)
        return program

    def _keep_reads(self, program: Program) -> None:
        """Run the backgrounds for what a program reads of them and is not kept yet."""
        missing: dict[Node, Window | None] = {}
        for node, window in program.reads.items():
            both = _merged(self.cache[node][1], window) if node in self.cache else window
            if node not in self.cache or both != self.cache[node][1]:
                missing[node] = both
        for node in missing:
            self.cache.pop(node, None)
        self.slices = {}
        ruled = {step.node for step in program.steps if step.rule is not None}
        n = len(self.inputs[0]) if missing else 0
        for first in range(0, n, self.batch_size):
            batch = slice(first, min(first + self.batch_size, n))
            self._run_backgrounds([x[batch] for x in self.inputs], missing, ruled, batch, n)

    def _run_backgrounds(
        self, inputs: list[torch.Tensor], reads: dict[Node, Window | None], ruled: set[Node], rows: slice, n: int
    ) -> None:
        """Run a batch of the n backgrounds as usual, keep what is read, and note what is infinite and has a rule."""
        env: dict[Node, Any] = dict(zip(self.placeholders, inputs, strict=True))
        last_uses = _last_uses(self.nodes, self.nodes)
        for node in self.nodes:
            if node.op == "get_attr":
                env[node] = self.values.setdefault(node, operator.attrgetter(node.target)(self.module))
            elif node.op == "call_function":
                args, kwargs = torch.fx.map_arg((node.args, node.kwargs), env.__getitem__)
                env[node] = node.target(*args, **kwargs)
                if not node.meta["of_batch"]:
                    self.values[node] = env[node]
            if node in ruled and not env[node].sum().isfinite():
                self.infinite.add(node)
            if node in reads:
                self._keep(node, env[node], reads[node], rows, n)
            for used in last_uses[node]:
                del env[used]

    def _keep(self, node: Node, value: Any, window: Window | None, rows: slice, n: int) -> None:
        value = value if window is None else narrow(value, window)
        if node not in self.cache:
            self.cache[node] = (value.new_empty((n, *value.shape[1:])), window)
        self.cache[node][0][rows] = value

    def _unflatten(self, leaves: list[torch.Tensor]) -> Any:
        remaining = iter(leaves)
        return map_tree(lambda _: next(remaining), self.tree)

    # Planning.

    def _plan(self, window: Window) -> Program:
        """A program for an input that differs on a window."""
        windows, rules, whole = self._reach(window)
        needed = self._need(windows, rules, whole)
        reads: dict[Node, Window | None] = {node: None for node in self.outputs}
        steps = []
        for node in self.nodes:
            if node not in needed or node.op == "placeholder":
                continue
            rule = rules.get(node)
            changed = {n: needed[n] for n in node.all_input_nodes if n in windows and n in needed}
            if rule is not None and not changed:  # it differs elsewhere than where it is needed
                del needed[node]
                whole.discard(node)
                continue
            if rule is not None:
                for read, part in rule.reads(changed, needed[node]):
                    _merge_read(reads, read, part)
            else:
                for n in node.all_input_nodes:
                    if n.meta["of_batch"] and n not in whole and not is_size(n):
                        _merge_read(reads, n, None)
            steps.append(Step(node, rule, changed, needed[node], []))
        last_uses = _last_uses([step.node for step in steps], [step.node for step in steps], self.outputs)
        own = {
            node
            for node, rule in rules.items()
            if not rule.shares and not any(user in rules and rules[user].shares for user in node.users)
        }
        onto = self._onto(steps)
        steps = [
            step._replace(
                last_use_of=last_uses[step.node],
                spare=frozenset(own.intersection(last_uses[step.node])),
                onto=onto.get(step.node),
                added=frozenset(onto).intersection(step.inputs),
            )
            for step in steps
        ]
        changed = {n: w for n, w in needed.items() if n in windows}
        return Program(window, steps, changed, reads, self._sizes(steps))

    def _sizes(self, steps: list[Step]) -> list[int | None]:
        """See `Program.sizes`: from each step to before the next where the rows of all that is at hand can be told."""
        at_hand = {self.placeholders[0]}
        separable = []
        for step in steps:
            separable.append(all(in_rows(node) or is_size(node) for node in at_hand))
            at_hand = (at_hand | {step.node}).difference(step.last_use_of)
        sizes: list[int | None] = []
        largest = 1
        for step, separate in zip(reversed(steps), reversed(separable), strict=True):
            size = _size_of(step.node, step.out) + sum(_size_of(node, part) for node, part in step.inputs.items())
            largest = max(largest, size)
            sizes.append(largest if separate else None)
            largest = 1 if separate else largest
        return sizes[::-1] if all(map(in_rows, self.outputs)) else [None] * len(steps)

    def _onto(self, steps: list[Step]) -> dict[Node, Rule]:
        """What is to be added to the base of the rule that alone takes it, and all of it."""
        planned = {step.node: step for step in steps}
        found = {}
        for step in steps:
            users = [planned[user] for user in step.node.users if user in planned]
            if len(users) != 1 or step.rule is None or users[0].rule is None or step.node in self.outputs:
                continue
            if step.rule.adds and users[0].rule.has_base and users[0].out == step.out:
                found[step.node] = users[0].rule
        return found

    def _reach(self, window: Window) -> tuple[dict[Node, Window], dict[Node, Rule], set[Node]]:
        """Forward: where nodes differ, the rules for them, and the nodes that are computed whole."""
        windows, rules, whole = {self.placeholders[0]: window}, {}, set()
        for node in self.nodes:
            changed = {n: windows[n] for n in node.all_input_nodes if n in windows}
            into_whole = any(n in whole for n in node.all_input_nodes)
            if node.op != "call_function" or is_size(node) or not (changed or into_whole):
                continue
            kept = all(in_rows(n) or is_size(n) or not n.meta["of_batch"] for n in node.all_input_nodes)
            found = rule_for(node, changed) if kept and not into_whole and node not in self.infinite else None
            if found is None:
                whole.add(node)
            elif found[1].width > 0:
                rules[node] = found[0]
                if found[0].collapses:
                    whole.add(node)
                else:
                    windows[node] = found[1]
        return windows, rules, whole

    def _need(
        self, windows: dict[Node, Window], rules: dict[Node, Rule], whole: set[Node]
    ) -> dict[Node, Window | None]:
        """Backward: of the nodes that differ those that are needed, and where; None for those computed whole."""
        needed: dict[Node, Window | None] = {}
        for node in reversed(self.nodes):
            window = windows.get(node)
            if window is None and node not in whole:
                used = any(user in needed for user in node.users)
                if used and node.meta["of_batch"] and not (in_rows(node) or is_size(node)):
                    whole.add(node)  # as for the backgrounds, but can not be kept for each of them
                    needed[node] = None
                continue
            spans = [(window.lo, window.hi)] if window and node in self.outputs else []
            for user in node.users:
                if user not in needed:
                    continue
                if window is None or user not in windows:
                    spans.append((window.lo, window.hi) if window else (0, 0))
                else:
                    inputs = {n: windows[n] for n in user.all_input_nodes if n in windows}
                    spans.append(rules[user].need(node, needed[user], inputs))
            if window is None:
                if spans or node in self.outputs:
                    needed[node] = None
            elif spans:
                clipped = window.clip(min(lo for lo, _ in spans), max(hi for _, hi in spans))
                if clipped.width > 0:
                    needed[node] = clipped
        return needed


@contextlib.contextmanager
def products(precision: str) -> Iterator[None]:
    """Matrix products in float32 of a precision, as `torch.set_float32_matmul_precision` has it."""
    before = torch.get_float32_matmul_precision()
    if before == precision:
        yield
        return
    torch.set_float32_matmul_precision(precision)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def _size_of(node: Node, window: Window | None) -> int:
    """How many numbers a node has on a window, for one row."""
    value = node.meta.get("val")
    if not isinstance(value, torch.Tensor):
        return 1
    if window is None:
        return math.prod(_of_one_row(n) for n in value.shape)
    shape = list(window.flat or value.shape[1:])
    shape[window.axis - 1] = window.width
    return math.prod(shape)


def _of_one_row(n: int | torch.SymInt) -> int:
    """A size, for a batch of one row."""
    if not isinstance(n, torch.SymInt):
        return n
    return int(n.node.expr.subs(dict.fromkeys(n.node.expr.free_symbols, 1)))


def _merge_read(reads: dict[Node, Window | None], node: Node, window: Window | None) -> None:
    """Note that a node is read on a window (None: whole), beside what is already."""
    reads[node] = _merged(reads[node], window) if node in reads else window


def _merged(one: Window | None, other: Window | None) -> Window | None:
    """What holds both of two parts of an activation; None for the whole."""
    return one.hull(other) if one and other and one.axis == other.axis else None


def _last_uses(nodes: list[Node], users: list[Node], kept: Sequence[Node] = ()) -> dict[Node, list[Node]]:
    """For each node, the nodes that are not used after it, but for those to keep."""
    last: dict[Node, Node] = {}
    for user in users:
        for node in user.all_input_nodes:
            last[node] = user
    uses: dict[Node, list[Node]] = {node: [] for node in nodes}
    for node, user in last.items():
        if node not in kept and node in uses:
            uses[user].append(node)
    return uses


class _Leaves(nn.Module):
    """A model of a tuple of inputs that returns the tensors of its output tree alone."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        leaves: list[torch.Tensor] = []
        map_tree(lambda leaf: leaves.append(leaf) or leaf, self.model(*inputs))
        return tuple(leaves)


def capture(model: nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[nn.Module, list[Node], list[Node], Any]:
    """A model as a graph: the module with its weights, the nodes that its outputs depend on, those, and the tree.

    `of_batch` in a node's metadata says whether its value depends on the inputs.
    """
    with torch.no_grad():
        tree = model(*(x[:1] for x in inputs))
        example = tuple(x[:2] if len(x) > 1 else torch.cat([x, x]) for x in inputs)
        batch = torch.export.Dim("batch", min=1)
        shapes = (tuple({0: batch} for _ in inputs),)
        program = torch.export.export(_Leaves(model), (example,), dynamic_shapes=shapes)
        if any(
            getattr(node.target, "_schema", None) and node.target._schema.is_mutable for node in program.graph.nodes
        ):
            program = program.run_decompositions({})  # the same without operations in place
        module = program.module()
    simplify(module.graph)
    output = next(node for node in module.graph.nodes if node.op == "output")
    outputs = list(output.all_input_nodes)
    wanted = set(outputs)
    for node in reversed(module.graph.nodes):
        if node in wanted:
            wanted.update(node.all_input_nodes)
    nodes = [node for node in module.graph.nodes if node in wanted or node.op == "placeholder"]
    for node in nodes:
        node.meta["of_batch"] = node.op == "placeholder" or any(n.meta["of_batch"] for n in node.all_input_nodes)
    flat = torch.fx.node.map_aggregate(output.args[0], lambda n: n)
    return module, nodes, [leaf for leaf in _flatten(flat)], tree


def _flatten(value: Any) -> list[Any]:
    return [leaf for item in value for leaf in _flatten(item)] if isinstance(value, (list, tuple)) else [value]
