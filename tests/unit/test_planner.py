"""The planner's passes, on networks whose windows are plain from the drawing."""

import pytest
import torch
from marginalization.inference.incremental.engine import Incremental
from marginalization.inference.incremental.rules.windows import Window
from torch import nn
from torch.nn import functional


class Small(nn.Module):
    """A convolution of 3 positions, cropped to 10 to 30 of 40, and of that a ReLU and a sum from the left."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv1d(4, 2, 3, padding=1)

    def forward(self, X):
        h = functional.pad(self.convolution(X), (-10, -10))
        return h.relu(), h.cumprod(2)


class Gap(nn.Module):
    """The larger of a sequence and its mirror image, in the middle alone."""

    def forward(self, X):
        return functional.pad(torch.maximum(X, X.flip(2)), (-15, -15)).relu()


def planner_of(model):
    """The planner of a model of sequences of 40 letters."""
    with torch.no_grad():
        return Incremental(model.eval(), [torch.zeros(2, 4, 40)]).planner


@pytest.fixture(scope="module")
def small():
    return planner_of(Small())


def spans(parts):
    """Windows by what comes out there: the operation's name, or that of the input."""
    return {name_of(node): window and (window.lo, window.hi) for node, window in parts.items()}


def name_of(node):
    return "X" if node.op == "placeholder" else str(node.target).split(".")[1]


def test_reach_goes_forward_and_crops_only_at_the_ends(small):
    reach = small.reach(Window(2, 28, 34))
    # The crop moves positions by 10, and ends at 20. A sum from the left has no rule.
    assert spans(reach.windows) == {"X": (28, 34), "conv1d": (27, 35), "pad": (17, 20), "relu": (17, 20)}
    assert {name_of(node) for node in reach.whole} == {"cumprod"}
    assert {node: rule.window for node, rule in reach.rules.items()} == {
        node: window for node, window in reach.windows.items() if name_of(node) != "X"
    }


def test_what_is_infinite_has_no_rule(small):
    convolution = next(node for node in small.nodes if name_of(node) == "conv1d")
    reach = small.reach(Window(2, 28, 34), {convolution})
    assert spans(reach.windows) == {"X": (28, 34)}
    assert {name_of(node) for node in reach.whole} == {"conv1d", "pad", "relu", "cumprod"}


def test_reach_ends_where_nothing_is_read(small):
    assert spans(small.reach(Window(2, 2, 8)).windows) == {"X": (2, 8), "conv1d": (1, 9)}
    assert small.plan(Window(2, 2, 8)).steps == []


def test_need_goes_back_and_cuts_to_what_is_looked_at(small):
    needed = small.need(small.reach(Window(2, 28, 34)))
    # Of the convolution what is not cropped, 27 to 30, which looks at 26 to 31; there the letters differ from 28 on.
    assert spans(needed.parts) == {
        "X": (28, 31),
        "conv1d": (27, 30),
        "pad": (17, 20),
        "relu": (17, 20),
        "cumprod": None,
    }


def test_the_schedule_is_in_order_with_the_inputs_that_differ(small):
    reach = small.reach(Window(2, 28, 34))
    steps = small.schedule(reach, small.need(reach))
    assert [(name_of(step.node), spans(step.inputs)) for step in steps] == [
        ("conv1d", {"X": (28, 31)}),
        ("pad", {"conv1d": (27, 30)}),
        ("relu", {"pad": (17, 20)}),
        ("cumprod", {"pad": (17, 20)}),
    ]
    assert [step.rule for step in steps] == [reach.rules.get(step.node) for step in steps]


def test_the_schedule_leaves_out_what_differs_elsewhere_than_where_it_is_needed():
    planner = planner_of(Gap())
    reach = planner.reach(Window(2, 0, 4))
    needed = planner.need(reach)
    # 0 to 4 and 36 to 40 differ, so 0 to 40 may; 15 to 25 of it are looked at, where neither lies.
    assert spans(needed.parts) == {"maximum": (15, 25), "pad": (0, 10), "relu": (0, 10)}
    assert planner.schedule(reach, needed) == []


def test_memory_is_dropped_after_its_last_use_and_written_over_where_nobody_shares_it(small):
    reach = small.reach(Window(2, 28, 34))
    convolution, pad, relu, cumprod = small.memory(small.schedule(reach, small.need(reach)))
    assert [[name_of(node) for node in step.last_use_of] for step in (pad, relu, cumprod)] == [["conv1d"], [], ["pad"]]
    # What the crop gives may lie in the convolution's memory.
    assert not any(step.spare or step.onto or step.added for step in (convolution, pad, relu, cumprod))


def test_a_convolution_is_added_to_what_the_relu_alone_wants():
    planner = planner_of(nn.Sequential(nn.Conv1d(4, 2, 3), nn.ReLU()))
    reach = planner.reach(Window(2, 20, 24))
    convolution, relu = planner.memory(planner.schedule(reach, planner.need(reach)))
    assert convolution.onto is relu.rule
    assert relu.added == relu.spare == {convolution.node}


class Attending(nn.Module):
    """Attention, a residual, a dense layer, and a convolution of 3 positions of which some positions are taken."""

    def __init__(self, taken):
        super().__init__()
        self.queries, self.keys = nn.Linear(4, 6), nn.Linear(4, 6)
        self.dense, self.convolution = nn.Linear(6, 5), nn.Conv1d(5, 2, 3, padding=1)
        self.taken = taken

    def forward(self, X):
        q, k = self.queries(X.mT), self.keys(X.mT)
        h = q + functional.scaled_dot_product_attention(q, k, k)
        return self.convolution(self.dense(h).relu().mT)[:, :, self.taken]


@pytest.mark.parametrize("taken", [slice(10, 13), [10, 12]])
def test_of_what_mixes_all_positions_only_what_is_taken_is_computed(taken):
    """The rows of queries from 9 to 14, of which 12 and 13 are of the window; all keys."""
    planner = planner_of(Attending(taken))
    program = planner.plan(Window(2, 12, 20))
    steps = {name_of(step.node): step for step in program.steps}
    found = spans({step.node: step.out for step in program.steps if step.parts})
    assert found.pop("slice") == ((0, 3) if isinstance(taken, slice) else (10, 13))
    assert found.pop("index", (0, 2)) == (0, 2)
    assert found == {
        "scaled_dot_product_attention": (9, 14),
        "add": (9, 14),
        "linear": (9, 14),
        "relu": (9, 14),
        "mT": (9, 14),
        "conv1d": (10, 13),
    }
    query, key, value = steps["scaled_dot_product_attention"].node.args[:3]
    assert key is value
    assert spans({query: steps["scaled_dot_product_attention"].parts[query]}) == {"linear": (9, 14)}
    assert steps["scaled_dot_product_attention"].parts[key] is None
    assert (program.windows[query].lo, program.windows[query].hi) == (12, 14)
    assert program.reads[query] == Window(1, 9, 14)
    assert program.reads[key] is None


@pytest.mark.parametrize("index", [0, -1, 39, 21])
def test_of_one_position_one_row_is_computed(index):
    program = planner_of(Attending(index)).plan(Window(2, 12, 20))
    last = program.steps[-1]
    assert name_of(last.node) == "select"
    (part,) = last.parts.values()
    assert (part.lo, part.hi) == (index % 40, index % 40 + 1)


def test_what_something_else_takes_whole_is_not_cut():
    class Both(Attending):
        def forward(self, X):
            h = functional.softmax(self.convolution(self.dense(self.queries(X.mT)).mT), dim=2)
            return h.exp()[:, :, 3:5], h.exp().mean(2), h.log()[:, :, :4]

    program = planner_of(Both(None)).plan(Window(2, 12, 20))
    cut = {name_of(step.node) for step in program.steps if step.parts}
    assert {"log", "slice"} <= cut
    assert not {"softmax", "mean"} & cut


def test_a_rule_does_not_change(small):
    with pytest.raises(AttributeError):
        next(iter(small.reach(Window(2, 28, 34)).rules.values())).window = Window(2, 0, 1)


def test_a_pass_gives_the_same_again_and_leaves_what_it_was_given(small):
    reach = small.reach(Window(2, 28, 34))
    before = (dict(reach.windows), dict(reach.rules), reach.whole)
    needed = small.need(reach)
    steps = small.schedule(reach, needed)
    assert small.need(reach) == needed
    assert small.schedule(reach, needed) == steps
    assert small.memory(steps) == small.memory(steps) != steps
    assert (reach.windows, reach.rules, reach.whole) == before
