"""nn.functional against PyTorch 2.13.0: values, gradients, names of nodes, errors and warnings, stored in data/functional.json."""
import json
import math

import pytest

import rushlight as torch

from .functional_cases import FILE, evaluate, outcome, warning

STORED = json.loads(FILE.read_text())
# Where PyTorch composes operations in another way, the last node has another name.
OTHER_NAMES = {
    "MeanBackward1": "MeanBackward0", "SumBackward1": "SumBackward0", "DivBackward1": "DivBackward0",
    "NormBackward1": "LinalgVectorNormBackward0", "NormBackward0": "LinalgVectorNormBackward0",
    "torch::autograd::CopySlices": "CopySlices", "PermuteBackward0": "ViewBackward0",
}


def close(found, stored):
    """Whether the numbers agree to what they were rounded to; nan equals nan."""
    assert len(found) == len(stored)
    for a, b in zip(found, stored):
        assert a == b or math.isnan(a) and math.isnan(b) or a == pytest.approx(b, rel=2e-4, abs=2e-5)


def numbers(tensor):
    return tensor.detach().reshape(-1).tolist()


@pytest.mark.parametrize("expression", STORED["values"])
def test_value_and_gradient_are_pytorchs(expression):
    stored = STORED["values"][expression]
    out, grads = evaluate(torch, expression)
    assert list(out.shape) == stored["shape"]
    close(numbers(out), stored["values"])
    assert set(grads) == set(stored["grads"])
    for name, g in grads.items():
        close(numbers(g), stored["grads"][name])


@pytest.mark.parametrize("expression", STORED["values"])
def test_the_node_has_pytorchs_name(expression):
    stored = STORED["values"][expression]["name"]
    found = evaluate(torch, expression)[0].grad_fn
    found = found and found.name()
    assert OTHER_NAMES.get(found, found) == OTHER_NAMES.get(stored, stored)


@pytest.mark.parametrize("expression", STORED["errors"])
def test_error_is_pytorchs(expression):
    assert outcome(torch, expression) == tuple(STORED["errors"][expression])


@pytest.mark.parametrize("expression", STORED["warnings"])
def test_warning_is_pytorchs(expression):
    assert warning(torch, expression) == STORED["warnings"][expression]
