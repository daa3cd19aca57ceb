"""Whether a model is a function, of models of which that is known."""

import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from marginalization.inference.soundness.consistency import Fault, find_fault
from marginalization.sequences.onehot import one_hot_encode
from odd_models import FUNCTIONS, Counter, Net, Replaced

X = one_hot_encode(["ACGTACGTAC", "AAAAACCCCN", "GGGGGGGTGG"]).float()


def fault_of(model, dtype=torch.float32):
    def run(rows):
        with torch.no_grad():
            return [model(X[list(rows)].to(dtype))]

    return find_fault(run, 3, run(range(3)))


@pytest.mark.parametrize(
    ("model", "fault"),
    [
        (FUNCTIONS["counts"], None),
        (Net().eval(), None),
        (FUNCTIONS["functional dropout"], Fault.RANDOM),
        (FUNCTIONS["torch's noise"], Fault.RANDOM),
        (FUNCTIONS["numpy's noise"], Fault.RANDOM),
        (FUNCTIONS["python's noise"], Fault.RANDOM),
        (FUNCTIONS["noise of its own"], Fault.CHANGING),
        (Counter(), Fault.CHANGING),
        (Replaced(), Fault.CHANGING),
        (FUNCTIONS["batch mean"], Fault.BATCH),
        (FUNCTIONS["batch mean beside much"], Fault.BATCH),
        (FUNCTIONS["batch size"], Fault.BATCH),
        (FUNCTIONS["functional batch norm"], Fault.BATCH),
        (FUNCTIONS["squeezed"], Fault.BATCH),
    ],
)
def test_faults(model, fault):
    assert fault_of(model) is fault


@settings(deadline=None, max_examples=30)
@given(st.sampled_from([torch.float64, torch.float32, torch.bfloat16, torch.float16]), st.floats(-1, 1), st.booleans())
def test_rounding_by_the_size_of_the_batch_is_no_fault(dtype, error, large):
    """Up to 5 % of the outputs where equal rows show that the size alone makes the difference; beyond, it is one."""
    error = error * 0.01 + (0.2 if large else 0)
    fault = fault_of(lambda X: X.sum(dim=-1) + (10 * error if len(X) == 1 else 0), dtype)
    assert fault is (Fault.BATCH if large else None)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("share", [1e-1, 1e-2, 1e-4])
def test_how_small_a_dependence_on_the_batch_is_seen(dtype, share):
    """To 64 times what the dtype rounds by; of bfloat16's outputs to what it rounds by itself."""
    fault = fault_of(lambda X: (X.double().sum(dim=-1) + share * X.double().sum(dim=-1).mean(dim=0)).to(dtype), dtype)
    assert fault is (None if dtype is torch.bfloat16 and share < 0.01 else Fault.BATCH)


def test_numbers_that_are_none_are_equal():
    assert fault_of(lambda X: X.sum(dim=-1).where(X[:, :1, 0] == 0, torch.nan)) is None
    assert fault_of(lambda X: X.sum(dim=-1).where(X[:, :1, 0] == 0, -torch.inf)) is None


def test_the_random_generators_go_on_as_if_nothing_had_been():
    """But for what the model itself draws."""

    def drawn(look):
        torch.manual_seed(1)
        np.random.seed(1)
        random.seed(1)
        if look:
            fault_of(Counter())
        return torch.rand(1).item(), np.random.rand(), random.random()

    assert drawn(True) == drawn(False)
