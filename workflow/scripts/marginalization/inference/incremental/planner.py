"""Programs: which operations to compute on which windows, for an input that differs on one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch.fx import Node

from .rules.base import Rule, in_rows, is_size
from .rules.registry import rule_for
from .rules.windows import Window


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
    size: int | None
    """How many numbers the largest step works on for a row; None where the outputs' rows can not be told apart."""


class Planner(NamedTuple):
    """Plans programs for a captured graph.

    Fields:
        nodes: in the order of their computation; the first placeholder is the sequence.
        outputs: those that the model returns.
        infinite: those of which some background's activation is infinite, so that differences from it say nothing.
    """

    nodes: list[Node]
    outputs: list[Node]
    infinite: set[Node]

    @property
    def input(self) -> Node:
        return next(node for node in self.nodes if node.op == "placeholder")

    def plan(self, window: Window) -> Program:
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
        dropped = last_uses([step.node for step in steps], [step.node for step in steps], self.outputs)
        own = {
            node
            for node, rule in rules.items()
            if not rule.shares and not any(user in rules and rules[user].shares for user in node.users)
        }
        onto = self._onto(steps)
        steps = [
            step._replace(
                last_use_of=dropped[step.node],
                spare=frozenset(own.intersection(dropped[step.node])),
                onto=onto.get(step.node),
                added=frozenset(onto).intersection(step.inputs),
            )
            for step in steps
        ]
        changed = {n: w for n, w in needed.items() if n in windows}
        return Program(window, steps, changed, reads, self._size(steps))

    def _size(self, steps: list[Step]) -> int | None:
        if not all(map(in_rows, self.outputs)):
            return None
        return max(
            (size_of(step.node, step.out) + sum(size_of(*part) for part in step.inputs.items()) for step in steps),
            default=1,
        )

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
        windows, rules, whole = {self.input: window}, {}, set()
        for node in self.nodes:
            changed = {n: windows[n] for n in node.all_input_nodes if n in windows}
            into_whole = any(n in whole for n in node.all_input_nodes)
            if node.op != "call_function" or is_size(node) or not (changed or into_whole):
                continue
            kept = all(in_rows(n) or is_size(n) or not n.meta["of_batch"] for n in node.all_input_nodes)
            found = rule_for(node, changed) if kept and not into_whole and node not in self.infinite else None
            if found is None:
                whole.add(node)
            elif found.window.width > 0:
                rules[node] = found
                if found.collapses:
                    whole.add(node)
                else:
                    windows[node] = found.window
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
                    spans.append(rules[user].need(node, needed[user]))
            if window is None:
                if spans or node in self.outputs:
                    needed[node] = None
            elif spans:
                clipped = window.clip(min(lo for lo, _ in spans), max(hi for _, hi in spans))
                if clipped.width > 0:
                    needed[node] = clipped
        return needed


def size_of(node: Node, window: Window | None) -> int:
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
    reads[node] = merged(reads[node], window) if node in reads else window


def merged(one: Window | None, other: Window | None) -> Window | None:
    """What holds both of two parts of an activation; None for the whole."""
    return one.hull(other) if one and other and one.axis == other.axis else None


def last_uses(nodes: list[Node], users: list[Node], kept: Sequence[Node] = ()) -> dict[Node, list[Node]]:
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
