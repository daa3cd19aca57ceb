"""Products of tensors summed over dimensions: matmul, bmm, einsum, tensordot."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Self

import torch
from torch.fx import Node

from .base import Backgrounds, Deltas, Inputs, Operation, Rule, Wholes, aten, in_rows, is_float, overloads, shape_of
from .windows import Window, fit

MATMULS = set(overloads("matmul bmm mm"))
PRODUCTS = MATMULS | set(overloads("einsum tensordot"))

Letters = list[str]
"""A name for each dimension of a tensor; dimensions of one name are multiplied number by number."""


@dataclass(frozen=True, eq=False)
class Product(Rule):
    """Products over other dimensions than the positions', or over them, of whose other operand only the changed count.

    A product is linear in an operand that alone differs; where several do, it is computed of what they are after.
    """

    cuts = True
    flat = True
    shares = False
    operands: list[tuple[Node, Letters]]
    result: Letters
    of_positions: str
    """The letter of the positions."""
    collapses: bool

    @classmethod
    def match(cls, op: Operation, inputs: Inputs) -> Self | None:
        named = letters_of(op.node) if in_rows(op.node) else None
        if named is None or not all(map(in_rows, inputs)):
            return None
        operands, result = named
        if any(window.flat for window in inputs.values()):
            return cls._of_flat(op, inputs, operands, result)
        places = {
            (letters[inputs[node].axis], shape_of(node)[inputs[node].axis - 1])
            for node, letters in operands
            if node in inputs
        }
        if len(places) > 1:
            return None
        ((position, length),) = places
        window = reduce(Window.hull, inputs.values())
        if position not in result:
            alone = sum(node in inputs for node, _ in operands) == 1
            others = any(node.meta["of_batch"] for node, _ in operands if node not in inputs)
            return cls(op.node, window, operands, result, position, True) if alone and not others else None
        axis = result.index(position)
        if op.shape[axis - 1] != length:
            return None
        return cls(op.node, window._replace(axis=axis), operands, result, position, False)

    @classmethod
    def _of_flat(
        cls, op: Operation, inputs: Inputs, operands: list[tuple[Node, Letters]], result: Letters
    ) -> Self | None:
        """A dense layer over the positions, written as a product."""
        (first, _), (second, _) = (*operands, *operands)[:2]
        dense = len(operands) == 2 and list(inputs) == [first] and not second.meta["of_batch"]
        if not dense or op.target not in MATMULS or len(second.meta["val"].shape) != 2:
            return None
        return cls(op.node, inputs[first], operands, result, "", True)

    @classmethod
    def cut(cls, op: Operation, axis: int) -> tuple[Self, Inputs] | None:
        named = letters_of(op.node)
        if named is None:
            return None
        operands, result = named
        position, inputs = result[axis], {}
        for node, letters in operands:
            if not node.meta["of_batch"]:
                continue
            at = letters.index(position) if position in letters else None
            faces = at is not None and in_rows(node) and shape_of(node)[at - 1] == op.shape[axis - 1]
            if sum(other is node for other, _ in operands) > 1:
                return None
            if faces and at is not None:
                inputs[node] = Window(at, 0, op.shape[axis - 1])
        window = Window(axis, 0, op.shape[axis - 1])
        return (cls(op.node, window, operands, result, position, False), inputs) if inputs else None

    def _facing(self, node: Node, letters: Letters, lo: int, hi: int) -> Window | None:
        """The window of an operand that faces positions of the output, if it has them."""
        if self.of_positions not in letters:
            return None
        axis = letters.index(self.of_positions)
        return Window(axis, lo, hi) if node.meta["val"].shape[axis] != 1 else None

    def reads(self, inputs: Inputs, out: Window) -> list[tuple[Node, Window | None]]:
        several = self.multiplies_values(inputs)
        found = [
            (node, self._facing(node, letters, out.lo, out.hi))
            for node, letters in self.operands
            if node.meta["of_batch"] and (several or node not in inputs)
        ]
        return [(self.node, out), *found] if several else found

    def multiplies_values(self, inputs: Collection[Node]) -> bool:
        return sum(node in inputs for node, _ in self.operands) > 1

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        several = self.multiplies_values(deltas)
        values = []
        for node, letters in self.operands:
            facing = self._facing(node, letters, out.lo, out.hi)
            if node in deltas:
                have, delta = deltas[node]
                value = fit(delta, have, out.lo, out.hi)
                values.append(value + run.background(node, facing) if several else value)
            else:
                values.append(run.background(node, facing) if node.meta["of_batch"] else run.constant(node, facing))
        y = self._multiplied(values)
        return y - run.background(self.node, out) if several else y

    def value(self, run: Backgrounds, parts: Deltas, wholes: Wholes, out: Window) -> torch.Tensor:
        given = []
        for node, letters in self.operands:
            if node in parts:
                have, x = parts[node]
                given.append(fit(x, have, out.lo, out.hi))
            else:
                facing = self._facing(node, letters, out.lo, out.hi)
                given.append(wholes[node] if node in wholes else run.constant(node, facing))
        return self._multiplied(given)

    def collapse(self, run: Backgrounds, deltas: Deltas) -> torch.Tensor:
        ((changed, (have, delta)),) = deltas.items()
        if have.flat:
            weight = run.constant(self.operands[1][0])
            rows = weight.view(*have.flat, -1).narrow(have.axis - 1, have.lo, have.width)
            return run.background(self.node) + delta.flatten(1) @ rows.reshape(-1, weight.shape[1])
        values = [
            delta if node is changed else run.constant(node, self._facing(node, letters, have.lo, have.hi))
            for node, letters in self.operands
        ]
        return run.background(self.node) + self._multiplied(values)

    def _multiplied(self, values: Sequence[torch.Tensor]) -> torch.Tensor:
        y: torch.Tensor
        if self.target is aten.einsum.default:
            y = torch.einsum(self.args["equation"], *values)
        elif self.target is aten.tensordot.default:
            y = self.target(*values, self.args["dims_self"], self.args["dims_other"])
        else:  # all of which matmul does, also where one of two has a row for all
            y = torch.matmul(*values)
        return y


@dataclass(frozen=True, eq=False)
class Attention(Rule):
    """Attention: what differs at one position differs at all, but each query's row is computed by itself."""

    cuts = True

    @classmethod
    def match(cls, op: Operation, inputs: Inputs) -> Self | None:
        return None

    @classmethod
    def cut(cls, op: Operation, axis: int) -> tuple[Self, Inputs] | None:
        query, mask = op.args["query"], op.args["attn_mask"]
        others = op.args["key"], op.args["value"]
        facing = Window(axis, 0, op.shape[axis - 1])
        if axis != len(op.shape) - 1 or query in others or not in_rows(query) or op.args["is_causal"]:
            return None
        known = mask is None or not mask.meta["of_batch"]
        return (cls(op.node, facing), {query: facing}) if known else None

    def value(self, run: Backgrounds, parts: Deltas, wholes: Wholes, out: Window) -> torch.Tensor:
        def value(node: Node) -> torch.Tensor:
            if node in parts:
                have, x = parts[node]
                return fit(x, have, out.lo, out.hi)
            if node in wholes:
                return wholes[node]
            mask: torch.Tensor = run.constant(node)
            rows = mask.shape[-2] if mask.ndim > 1 else 1
            return mask if rows == 1 else mask.narrow(-2, out.lo, out.width)

        args, kwargs = torch.fx.map_arg((self.node.args, self.node.kwargs), value)
        y: torch.Tensor = self.target(*args, **kwargs)
        return y


def letters_of(node: Node) -> tuple[list[tuple[Node, Letters]], Letters] | None:
    """The operands of a product with a letter for each of their dimensions, and those of the result."""
    op = Operation(node)
    if op.target not in PRODUCTS:
        return None
    if op.target is aten.einsum.default:
        terms, arrow, result = op.args["equation"].replace(" ", "").partition("->")
        named = [(node, list(term)) for node, term in zip(op.args["tensors"], terms.split(","), strict=True)]
        repeated = any(len(set(letters)) < len(letters) for _, letters in named)
        return None if not arrow or "." in terms or repeated else (named, list(result))
    one, other = op.node.args[:2]
    if not isinstance(one, Node) or not isinstance(other, Node) or not (is_float(one) and is_float(other)):
        return None
    n, m = one.meta["val"].ndim, other.meta["val"].ndim
    if op.target is aten.tensordot.default:
        first, second = [f"a{i}" for i in range(n)], [f"b{i}" for i in range(m)]
        for i, j in zip(op.args["dims_self"], op.args["dims_other"], strict=True):
            second[j] = first[i]
        shared = set(first) & set(second)
        return [(one, first), (other, second)], [letter for letter in first + second if letter not in shared]
    batch = [f"n{i}" for i in range(max(n, m) - 2)]
    rows, columns = ["row"] * (n > 1), ["column"] * (m > 1)
    first, second = batch[len(batch) - max(0, n - 2) :], batch[len(batch) - max(0, m - 2) :]
    operands = [(one, [*first, *rows, "sum"]), (other, [*second, "sum", *columns])]
    return operands, [*batch, *rows, *columns]


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
