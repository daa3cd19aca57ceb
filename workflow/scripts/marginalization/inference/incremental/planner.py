"""Programs: which operations to compute on which windows, for an input that differs on one."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import reduce
from typing import Any, NamedTuple

from torch.fx import Node

from .gaps.reached import Gap, Halo, halos, joined, reached, sides
from .registry import Cut, cut_for, rule_for
from .rules.base import Rule, function_of, in_rows, is_size, size_of
from .rules.windows import Window, merged, together

Parts = dict[Node, Window | None]
"""Parts of nodes' activations, None for the whole."""


class Step(NamedTuple):
    """One operation of a program: with a rule, over windows, or without one, on whole tensors."""

    node: Node
    function: Callable[..., Any]
    rule: Rule | None
    inputs: dict[Node, Window]
    out: Window | None
    """None where the output is whole: without a rule, or where the rule collapses."""
    last_use_of: Sequence[Node] = ()
    spare: frozenset[Node] = frozenset()
    """Inputs that nothing else holds or needs any more: the step may write its output over them."""
    onto: Rule | None = None
    """The rule that alone takes the output, added to its `base`, which costs no more work than the difference."""
    added: frozenset[Node] = frozenset()
    """Inputs that come so, added to this step's rule's `base`."""
    parts: dict[Node, Window | None] | None = None
    """Of a step whose rule gives a part of its values rather than a difference: those of its inputs that it takes."""
    gap: Window | None = None
    """The part of the output that is not computed, as its difference is known."""
    halos: Sequence[Halo | None] | None = None
    """Where a linear rule's output beside the gap is of the inputs' sides and, in addition, of their cores."""

    @property
    def is_whole(self) -> bool:
        """Whether it computes values, all of which may differ from the background's."""
        return self.rule is None or self.out is None or self.parts is not None

    @property
    def computed(self) -> float:
        """Which part of the output on its window is computed."""
        if self.out is None or self.gap is None:
            return 1.0
        return sum(part.width for part in sides(self.out, self.gap)) / self.out.width


class Cores(NamedTuple):
    """Values that an element alone decides, on parts of its gaps, and the program for them, of any one background."""

    program: Program
    parts: dict[Node, list[Window]]


class Program(NamedTuple):
    """What to compute when the input differs on one window, and what to read of the backgrounds for it."""

    window: Window
    steps: list[Step]
    windows: dict[Node, Window]
    cuts: dict[Node, Window]
    """Where values are that are computed in part."""
    reads: Parts
    size: int | None
    """How many numbers the largest step works on for a row; None where the outputs' rows can not be told apart."""
    gaps: Mapping[Node, Window] = {}
    """Where differences within windows are known: zero, or those of the cores from the background."""
    cores: Cores | None = None


class Reach(NamedTuple):
    """What differs from the backgrounds: on which windows, by which rules, and what is computed whole."""

    windows: dict[Node, Window]
    rules: dict[Node, Rule]
    whole: frozenset[Node]
    gaps: Mapping[Node, Window] = {}
    """Which parts of windows are known without being computed."""


class Need(NamedTuple):
    """What is needed: of differences the parts, and what is whole, of which `cuts` tells where a part is enough.

    Of gaps `known` has what is looked at.
    """

    parts: Parts
    cuts: dict[Node, Cut]
    known: dict[Node, list[Window]]


class Planner(NamedTuple):
    """Plans programs for a captured graph in four passes: reach, need, schedule, memory.

    Each is a function of the graph and of what the passes before it gave, and changes none of them.

    Fields:
        nodes: in the order of their computation; the first placeholder is the sequence.
        outputs: those that the model returns, or parts of nodes that are asked for.
    """

    nodes: list[Node]
    outputs: Parts

    def plan(self, window: Window, infinite: Collection[Node] = (), gap: Gap | None = None) -> Program:
        """A program for an input that differs on a window.

        Args:
            window: where.
            infinite: nodes of which some background's activation is infinite: differences from it say nothing.
            gap: which part of the window need not be computed.
        """
        reach = self.reach(window, infinite, gap)
        needed = self.need(reach)
        steps = self.memory(self.schedule(reach, needed))
        windows = {node: part for node, part in needed.parts.items() if part is not None}
        cuts = {node: cut.out for node, cut in needed.cuts.items() if cut.out is not None}
        reads, cores = self._reads(steps), None
        if gap is not None and gap.of_letters and needed.known:
            hulls: Parts = {node: reduce(Window.hull, parts) for node, parts in needed.known.items()}
            cores = Cores(self._replace(outputs=hulls).plan(window, infinite), needed.known)
            reads = together([*reads.items(), *cores.program.reads.items()])
        return Program(window, steps, windows, cuts, reads, self._size(steps), reach.gaps, cores)

    def reach(self, window: Window, infinite: Collection[Node] = (), gap: Gap | None = None) -> Reach:
        """Forward: where nodes differ, each by the rule for it, and what of that is known.

        What has no rule is computed whole, and so is all that comes after it. What no difference reaches is left out.
        """
        source = next(node for node in self.nodes if node.op == "placeholder")
        windows: dict[Node, Window] = {source: window}
        rules: dict[Node, Rule] = {}
        whole: set[Node] = set()
        for node in self.nodes:
            changed = {n: windows[n] for n in node.all_input_nodes if n in windows}
            into_whole = any(n in whole for n in node.all_input_nodes)
            if node.op != "call_function" or is_size(node) or not (changed or into_whole):
                continue
            kept = all(in_rows(n) or is_size(n) or not n.meta["of_batch"] for n in node.all_input_nodes)
            rule = rule_for(node, changed) if kept and not into_whole and node not in infinite else None
            if rule is None:
                whole.add(node)
            elif rule.window.width > 0:
                rules[node] = rule
                if rule.collapses:
                    whole.add(node)
                else:
                    windows[node] = rule.window
        gaps = {} if gap is None else reached(source, gap, windows, rules)
        return Reach(windows, rules, frozenset(whole), gaps)

    def need(self, reach: Reach) -> Need:
        """Backward: each node's window cut to what its users look at; what none of them does is left out.

        With them stands what is computed whole, cut to what its users take where an operation allows it: also, of what
        is as for the backgrounds, that which can not be kept for each of them.
        """
        needed: Parts = {}
        cuts: dict[Node, Cut] = {}
        known: dict[Node, list[Window]] = {}
        flat = [node for node, window in reach.windows.items() if window.flat]
        for node in reversed(self.nodes):
            users = [user for user in node.users if user in needed]
            window = reach.windows.get(node)
            if window is None:
                again = node.meta["of_batch"] and not (in_rows(node) or is_size(node))
                if (node in reach.whole and node in self.outputs) or (users and (node in reach.whole or again)):
                    needed[node] = None
                    if node in reach.whole and node not in reach.rules:
                        part = None if node in self.outputs else self._taken(node, users, cuts)
                        cut = cut_for(node, part)
                        if cut is not None and not any(n in cut.inputs for n in flat):
                            cuts[node] = cut
                continue
            asked = (self.outputs[node] or window) if node in self.outputs else None
            spans = [] if asked is None else [(asked.lo, asked.hi)]
            for user in users:
                out, rule = needed[user], reach.rules.get(user)
                if out is not None:
                    spans += [reach.rules[user].need(node, part) for part in sides(out, reach.gaps.get(user))]
                elif rule is not None:
                    spans.append(rule.need_whole(window))
                else:
                    taken = cuts[user].inputs.get(node) if user in cuts else None
                    same = taken is not None and taken.axis == window.axis
                    spans.append((taken.lo, taken.hi) if taken and same else (window.lo, window.hi))
            clipped = window.clip(min((lo for lo, _ in spans), default=0), max((hi for _, hi in spans), default=0))
            if clipped.width > 0:
                needed[node] = clipped
            if node in reach.gaps:
                facing = [clipped.clip(*span).clip(reach.gaps[node].lo, reach.gaps[node].hi) for span in spans]
                if looked_at := joined(part for part in facing if part.width > 0):
                    known[node] = looked_at
        return Need(needed, cuts, known)

    @staticmethod
    def _taken(node: Node, users: list[Node], cuts: dict[Node, Cut]) -> Window | None:
        """The part of a node's values that its users take, None for the whole."""
        parts = [cuts[user].inputs.get(node) if user in cuts else None for user in users]
        return reduce(merged, parts)

    def schedule(self, reach: Reach, needed: Need) -> list[Step]:
        """Forward: a step for what is needed, unless its inputs differ elsewhere than where they are needed."""
        steps: list[Step] = []
        planned: Parts = {}
        for node in (node for node in self.nodes if node in needed.parts):
            rule, cut, out = reach.rules.get(node), needed.cuts.get(node), needed.parts[node]
            changed = {n: window for n in node.all_input_nodes if (window := planned.get(n))}
            gap = reach.gaps.get(node)
            if rule is None or changed or node in needed.known:
                planned[node] = out
                if cut is not None:
                    steps.append(Step(node, function_of(node), cut.rule, changed, cut.out, parts=cut.inputs))
                elif node.op != "placeholder":
                    linear = rule is not None and rule.linear and out is not None and gap is not None
                    beside = halos(node, rule, out, changed, reach.gaps) if linear else None  # type: ignore[arg-type]
                    steps.append(Step(node, function_of(node), rule, changed, out, gap=gap, halos=beside))
        return steps

    def memory(self, steps: list[Step]) -> list[Step]:
        """The same steps, and what each may drop after it, write its output over, or add it to."""
        dropped = last_uses([step.node for step in steps], self.outputs)
        rules = {step.node: step.rule for step in steps if step.rule is not None and step.parts is None}
        own = {
            node
            for node, rule in rules.items()
            if not rule.shares and not any(user in rules and rules[user].shares for user in node.users)
        }
        onto = self._onto(steps)
        return [
            step._replace(
                last_use_of=dropped[step.node],
                spare=frozenset(own.intersection(dropped[step.node])),
                onto=onto.get(step.node),
                added=frozenset(onto).intersection(step.inputs),
            )
            for step in steps
        ]

    def _onto(self, steps: list[Step]) -> dict[Node, Rule]:
        """What is to be added to the base of the rule that alone takes it, and all of it."""
        planned = {step.node: step for step in steps}
        found = {}
        for step in steps:
            users = [planned[user] for user in step.node.users if user in planned]
            if len(users) != 1 or step.rule is None or users[0].rule is None or step.node in self.outputs:
                continue
            if step.parts is not None or users[0].parts is not None:
                continue
            same = users[0].out == step.out and users[0].gap == step.gap
            if step.rule.adds and users[0].rule.has_base and same:
                found[step.node] = users[0].rule
        return found

    def _reads(self, steps: list[Step]) -> Parts:
        """What the steps read of the backgrounds."""
        whole = {step.node for step in steps if step.is_whole}
        found: list[tuple[Node, Window | None]] = list(self.outputs.items())
        for step in steps:
            if step.parts is not None:
                found += [(n, part) for n, part in step.parts.items() if n not in whole]
            elif step.rule is None:
                kept = (n for n in step.node.all_input_nodes if n.meta["of_batch"] and not is_size(n))
                found += [(n, None) for n in kept if n not in whole]
            elif step.out is None:
                found.append((step.rule.read_whole, None))
            else:
                for part in sides(step.out, step.gap):
                    found += step.rule.reads(step.inputs, part)
        return together(found)

    def _size(self, steps: list[Step]) -> int | None:
        if not all(map(in_rows, self.outputs)):
            return None
        sizes = []
        for step in steps:
            taken = step.inputs if step.parts is None else step.parts
            size = size_of(step.node, step.out) + sum(size_of(*part) for part in taken.items())
            sizes.append(math.ceil(size * step.computed))
        return max([1, *sizes])


def last_uses(nodes: list[Node], kept: Collection[Node] = ()) -> dict[Node, list[Node]]:
    """For each node, the nodes that are not used after it, but for those to keep."""
    last = {used: node for node in nodes for used in node.all_input_nodes}
    uses: dict[Node, list[Node]] = {node: [] for node in nodes}
    for node, user in last.items():
        if node not in kept and node in uses:
            uses[user].append(node)
    return uses
