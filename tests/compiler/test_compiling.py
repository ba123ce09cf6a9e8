"""What `torch.compile` gives computes what it was given, and its arguments are checked."""
import copy
import pickle

import pytest

import rushlight as torch
from rushlight import nn
from rushlight.nn.module_hooks import COMPILED, special_calls


@pytest.fixture(autouse=True)
def afterwards_no_module_counts_as_compiled():
    yield
    special_calls.difference_update(COMPILED)


def test_a_compiled_function_is_called_as_the_function():
    @torch.compile(mode="reduce-overhead", fullgraph=True)
    def f(x, *, scale=2):
        """Scaled."""
        return x * scale
    assert f(torch.ones(2), scale=3).tolist() == [3, 3]
    assert (f.__name__, f.__doc__) == ("f", "Scaled.")


def test_a_compiled_module_trains_and_shares_its_parameters():
    model = nn.Linear(2, 1)
    compiled = torch.compile(model)
    before = model.weight.clone()
    optimizer = torch.optim.SGD(compiled.parameters(), lr=0.1)
    compiled(torch.ones(3, 2)).sum().backward()
    optimizer.step()
    assert torch.allclose(model.weight, before - 0.3)


def test_a_compiled_module_has_the_attributes_of_the_module():
    model = nn.Sequential(nn.Linear(2, 3), nn.Dropout())
    compiled = torch.compile(model)
    assert list(compiled.state_dict()) == ["_orig_mod.0.weight", "_orig_mod.0.bias"]
    assert repr(compiled).startswith("OptimizedModule(\n  (_orig_mod): Sequential(")
    assert compiled._orig_mod is model and isinstance(compiled, nn.Module) and len(list(compiled.children())) == 1
    compiled.note = 3
    assert model.note == 3 and compiled.note == 3
    compiled.eval()
    assert not model.training and not model[1].training and not compiled.training
    with pytest.raises(AttributeError, match="'Sequential' object has no attribute 'missing'"):
        compiled.missing


@pytest.mark.parametrize("again", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_compiled_module_can_be_copied_and_pickled(again):
    compiled = torch.compile(nn.Linear(2, 3))
    x = torch.ones(1, 2)
    assert torch.equal(again(compiled)(x), compiled(x))


def test_a_module_is_compiled_in_place():
    model = nn.Linear(2, 3)
    x, expected = torch.ones(1, 2), model(torch.ones(1, 2))
    model.compile(backend="numpy")
    assert torch.equal(model(x), expected) and list(model.state_dict()) == ["weight", "bias"]


def test_a_compiled_module_costs_the_others_no_depth():
    nn.Identity().compile()
    model = nn.Identity()
    for _ in range(200):
        model = nn.Sequential(model)
    assert model(torch.ones(1)).item() == 1


@pytest.mark.parametrize("settings, text", [
    ({"mode": "default", "options": {"a": 1}}, "Either mode or options can be specified, but both can't be specified at the same time."),
    ({"mode": "x"}, "Unrecognized mode=x, should be one of: default, lite, reduce-overhead, max-autotune-no-cudagraphs, max-autotune"),
    ({"backend": "zzz"}, "Invalid backend: 'zzz', see `torch._dynamo.list_backends\\(\\)` for available backends."),
])
def test_wrong_settings_are_errors(settings, text):
    with pytest.raises(RuntimeError, match=text):
        torch.compile(lambda x: x, **settings)


def test_what_cannot_be_called_is_an_error():
    with pytest.raises(AssertionError, match="A callable function is expected, but <class 'int'> is provided."):
        torch.compile(3)


def test_functions_can_be_kept_from_being_compiled():
    @torch.compiler.disable
    def f(x):
        return x + 1

    @torch.compiler.disable(recursive=False)
    def g(x):
        return x + 2
    assert (f(1), g(1)) == (2, 3)
    assert not torch.compiler.is_compiling()


def test_a_stance_holds_for_a_block_or_from_its_call_on():
    compiled = torch.compile(lambda x: x + 1)
    with torch.compiler.set_stance("force_eager"):
        assert compiled(1) == 2
    torch.compiler.set_stance("default")
    assert torch.compiler.set_stance("force_eager")(compiled)(1) == 2
