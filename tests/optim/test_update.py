import pytest

import rushlight as torch
from rushlight.optim.update import Hyperparameters, Update, number


def test_names_that_are_neither_state_nor_cell_are_hyperparameters():
    update = Update("step = step + 1\nm = m * beta2 + g\np = p - lr * m / step", ["m"], ["step"])
    assert update.sources == (("betas", 1), ("lr", None))
    assert update.states == ("m",) and update.cells == ("step",)


def test_an_update_writes_parameter_state_and_cells():
    update = Update("step = step + 1\nm = m + g\np = p - lr * m / step", ["m"], ["step"])
    p, g = torch.nn.Parameter(torch.ones(2)), torch.ones(2)
    state = {"m": torch.ones(2), "step": torch.tensor(1.0)}
    version = p._version
    update(p, g, state, (0.5,))
    assert p.tolist() == [0.5, 0.5] and state["m"].tolist() == [2.0, 2.0] and state["step"].item() == 2.0
    assert g.tolist() == [1.0, 1.0] and p._version == version + 1


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64", "complex64"])
def test_every_floating_dtype_is_updated_in_its_own(dtype):
    dtype = getattr(torch, dtype)
    p = torch.nn.Parameter(torch.ones(3, dtype=dtype))
    Update("p = p - lr * g * 1024 / 1024")(p, torch.ones(3, dtype=dtype), {}, (0.25,))
    assert p.dtype is dtype and p.tolist() == [0.75] * 3


def test_views_and_transposed_parameters_are_updated_in_place():
    whole = torch.zeros(3, 4)
    p = whole.t()
    Update("p = p + g")(p, torch.arange(12.0).reshape(4, 3), {}, ())
    assert whole[1].tolist() == [1.0, 4.0, 7.0, 10.0]


def test_numbers_may_be_tensors():
    assert number(torch.tensor([0.5])) == 0.5 and number(3) == 3
    assert Hyperparameters("lr", "beta1").sources == (("lr", None), ("betas", 0))
