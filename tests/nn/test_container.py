"""Sequential, ModuleList, ModuleDict, ParameterList, ParameterDict: list and dictionary manners, reprs and messages of PyTorch 2.13."""
from collections import OrderedDict

import pytest

import rushlight as torch
from rushlight import nn


def names(module):
    return [type(child).__name__ for child in module]


def chain():
    return nn.Sequential(nn.ReLU(), nn.Tanh(), nn.ELU())


def modules():
    return nn.ModuleList([nn.ReLU(), nn.Tanh(), nn.ELU()])


def deleted(container, index):
    del container[index]
    return container


def added(container, other):
    container += other
    return container


def multiplied(container, times):
    container *= times
    return container


@pytest.mark.parametrize("result, expected", [
    (lambda: chain(), ["ReLU", "Tanh", "ELU"]),
    (lambda: chain()[1:], ["Tanh", "ELU"]),
    (lambda: deleted(chain(), 1), ["ReLU", "ELU"]),
    (lambda: deleted(chain(), slice(1, None)), ["ReLU"]),
    (lambda: chain() + nn.Sequential(nn.GELU()), ["ReLU", "Tanh", "ELU", "GELU"]),
    (lambda: added(chain(), nn.Sequential(nn.GELU())), ["ReLU", "Tanh", "ELU", "GELU"]),
    (lambda: nn.Sequential(nn.ReLU(), nn.Tanh()) * 2, ["ReLU", "Tanh", "ReLU", "Tanh"]),
    (lambda: 2 * nn.Sequential(nn.ReLU()), ["ReLU", "ReLU"]),
    (lambda: multiplied(nn.Sequential(nn.ReLU()), 3), ["ReLU"] * 3),
    (lambda: nn.Sequential(nn.ReLU()).append(nn.Tanh()), ["ReLU", "Tanh"]),
    (lambda: nn.Sequential(nn.ReLU()).insert(0, nn.Tanh()), ["Tanh", "ReLU"]),
    (lambda: nn.Sequential(nn.ReLU()).insert(-1, nn.Tanh()), ["Tanh", "ReLU"]),
    (lambda: nn.Sequential(nn.ReLU()).extend([nn.Tanh(), nn.ELU()]), ["ReLU", "Tanh", "ELU"]),
    (lambda: modules()[1:], ["Tanh", "ELU"]),
    (lambda: deleted(modules(), -1), ["ReLU", "Tanh"]),
    (lambda: deleted(modules(), slice(0, 2)), ["ELU"]),
    (lambda: modules() + [nn.GELU()], ["ReLU", "Tanh", "ELU", "GELU"]),
    (lambda: added(modules(), (nn.GELU(),)), ["ReLU", "Tanh", "ELU", "GELU"]),
    (lambda: nn.ModuleList(x for x in [nn.ReLU()]), ["ReLU"]),
])
def test_they_behave_as_lists(result, expected):
    result = result()
    assert names(result) == expected and len(result) == len(expected)
    if "a" not in result._modules and list(result._modules)[0] == "0":
        assert list(result._modules) == [str(i) for i in range(len(expected))]


def test_pop_insert_and_reverse_of_lists():
    held = modules()
    assert isinstance(held.pop(0), nn.ReLU) and names(held) == ["Tanh", "ELU"]
    assert isinstance(chain().pop(-1), nn.ELU) and names(chain().pop(slice(0, 2))) == ["ReLU", "Tanh"]
    held.insert(1, nn.GELU())
    held.insert(-1, nn.CELU())
    held.insert(100, nn.SELU())
    assert names(held) == ["Tanh", "GELU", "CELU", "ELU", "SELU"]
    assert names(reversed(held)) == ["SELU", "ELU", "CELU", "GELU", "Tanh"]
    held[0] = nn.ReLU()
    assert held[0] in held and isinstance(held[-5], nn.ReLU)


def test_a_slice_keeps_names_and_class_but_a_sum_does_not():
    class Mine(nn.Sequential):
        pass

    named = Mine(OrderedDict(a=nn.ReLU(), b=nn.Tanh()))
    assert repr(named[1:]) == "Mine(\n  (b): Tanh()\n)"
    assert repr(named + named[:1]) == "Sequential(\n  (0): ReLU()\n  (1): Tanh()\n  (2): ReLU()\n)"
    assert repr(named.append(nn.ELU())) == "Mine(\n  (a): ReLU()\n  (b): Tanh()\n  (2): ELU(alpha=1.0)\n)"


def test_a_sequential_is_called_in_order_and_an_empty_one_returns_its_input():
    assert nn.Sequential()(3) == 3 and repr(nn.Sequential()) == "Sequential()"
    net = nn.Sequential(nn.Threshold(0.5, 9.0), nn.Threshold(10, 20.0))
    assert net(torch.tensor([1.0, 0.0])).tolist() == [20, 20]


@pytest.mark.parametrize("call, error, message", [
    (lambda: nn.Sequential(3), TypeError, "int is not a Module subclass"),
    (lambda: nn.Sequential({"a": nn.ReLU()}), TypeError, "dict is not a Module subclass"),
    (lambda: chain()[5], IndexError, "index 5 is out of range"),
    (lambda: chain()[-4], IndexError, "index -4 is out of range"),
    (lambda: chain()["a"], TypeError, "'str' object cannot be interpreted as an integer"),
    (lambda: chain().__setitem__(5, nn.ReLU()), IndexError, "index 5 is out of range"),
    (lambda: chain().__setitem__(1, 3), TypeError, "cannot assign 'int' as child module '1' (torch.nn.Module or None expected)"),
    (lambda: deleted(chain(), 5), IndexError, "index 5 is out of range"),
    (lambda: chain() + 3, ValueError, "add operator supports only objects of Sequential class, but <class 'int'> is given."),
    (lambda: added(chain(), modules()), ValueError,
     "add operator supports only objects of Sequential class, but <class 'torch.nn.modules.container.ModuleList'> is given."),
    (lambda: chain() * 0, ValueError, "Non-positive multiplication factor 0 for <class 'torch.nn.modules.container.Sequential'>"),
    (lambda: chain() * 1.5, TypeError,
     "unsupported operand type(s) for *: <class 'torch.nn.modules.container.Sequential'> and <class 'float'>"),
    (lambda: multiplied(chain(), "a"), TypeError,
     "unsupported operand type(s) for *: <class 'torch.nn.modules.container.Sequential'> and <class 'str'>"),
    (lambda: chain().append(3), TypeError, "int is not a Module subclass"),
    (lambda: chain().insert(0, 3), AssertionError, "module should be of type: <class 'torch.nn.modules.module.Module'>"),
    (lambda: chain().insert(4, nn.ReLU()), IndexError, "Index out of range: 4"),
    (lambda: chain().extend(3), TypeError, "'int' object is not iterable"),
    (lambda: chain().pop(4), IndexError, "index 4 is out of range"),
    (lambda: chain()(1, 2), TypeError, "Sequential.forward() takes 2 positional arguments but 3 were given"),
    (lambda: nn.ModuleList(3), TypeError, "ModuleList.extend should be called with an iterable, but got int"),
    (lambda: nn.ModuleList([3]), TypeError, "int is not a Module subclass"),
    (lambda: modules()[4], IndexError, "index 4 is out of range"),
    (lambda: modules()[1.5], TypeError, "'float' object cannot be interpreted as an integer"),
    (lambda: modules() + 3, TypeError, "'int' object is not iterable"),
    (lambda: modules().extend(nn.ReLU()), TypeError, "ModuleList.extend should be called with an iterable, but got ReLU"),
    (lambda: modules().insert(0, 3), TypeError, "int is not a Module subclass"),
    (lambda: modules().pop(9), IndexError, "index 9 is out of range"),
    (lambda: modules()(3), NotImplementedError, 'Module [ModuleList] is missing the required "forward" function'),
    (lambda: nn.ModuleDict(3), TypeError, "ModuleDict.update should be called with an iterable of key/value pairs, but got int"),
    (lambda: nn.ModuleDict({"a": 3}), TypeError, "int is not a Module subclass"),
    (lambda: nn.ModuleDict([["a"]]), ValueError, "ModuleDict update sequence element #0 has length 1; 2 is required"),
    (lambda: nn.ModuleDict([3]), TypeError, "ModuleDict update sequence element #0 should be Iterable; isint"),
    (lambda: nn.ModuleDict({3: nn.ReLU()}), TypeError, "module name should be a string. Got int"),
    (lambda: nn.ModuleDict({"keys": nn.ReLU()}), KeyError, "attribute 'keys' already exists"),
    (lambda: nn.ModuleDict()["x"], KeyError, "x"),
    (lambda: nn.ModuleDict().pop("x"), KeyError, "x"),
    (lambda: nn.ParameterList(3), TypeError, "ParameterList.extend should be called with an iterable, but got int"),
    (lambda: nn.ParameterList(torch.zeros(2)), TypeError, "ParameterList.extend should be called with an iterable, but got Tensor"),
    (lambda: nn.ParameterList([1])[7], IndexError, "index 7 is out of range"),
    (lambda: nn.ParameterList([torch.zeros(1)]).__setitem__(0, 5), TypeError,
     "cannot assign 'int' as parameter '0' (torch.nn.Parameter or None expected)"),
    (lambda: nn.ParameterList()(3), RuntimeError, "ParameterList should not be called."),
    (lambda: nn.ParameterList([torch.zeros(2, dtype=torch.int32)]), RuntimeError,
     "Only Tensors of floating point and complex dtype can require gradients"),
    (lambda: nn.ParameterDict(3), TypeError, "ParametersDict.update should be called with an iterable of key/value pairs, but got int"),
    (lambda: nn.ParameterDict(["a"]), ValueError, "ParameterDict update sequence element #0 has length 1; 2 is required"),
    (lambda: nn.ParameterDict()["x"], AttributeError, "'ParameterDict' object has no attribute 'x'"),
    (lambda: nn.ParameterDict().__setitem__(0, 3), TypeError, "Index given to ParameterDict cannot be used as a key as it is not a string (type "
     "is 'int'). Open an issue on github if you need non-string keys."),
    (lambda: nn.ParameterDict({"a.b": torch.zeros(1)}), KeyError, 'parameter name can\'t contain "."'),
    (lambda: nn.ParameterDict().popitem(), KeyError, "popitem(): dictionary is empty"),
    (lambda: nn.ParameterDict()(3), RuntimeError, "ParameterDict should not be called."),
])
def test_misuse_is_pytorchs_error(call, error, message):
    with pytest.raises(error) as caught:
        call()
    text = caught.value.args[0] if error is KeyError else str(caught.value)
    assert type(caught.value) is error and text.split("\n")[0] == message


def test_equal_neighbours_share_a_line_in_a_list():
    assert repr(nn.ModuleList()) == "ModuleList()"
    layers = [nn.Linear(2, 3), nn.Linear(2, 3), nn.ReLU(), nn.Sequential(nn.Tanh()), nn.Sequential(nn.Tanh())]
    assert repr(nn.ModuleList(layers)) == (
        "ModuleList(\n  (0-1): 2 x Linear(in_features=2, out_features=3, bias=True)\n  (2): ReLU()\n  (3-4): 2 x Sequential(\n    (0): Tanh()\n"
        "  )\n)")
    assert repr(nn.ModuleList([None])) == "ModuleList(\n  (0): None\n)"


def test_a_module_dict_behaves_as_a_dictionary():
    held = nn.ModuleDict({"b": nn.ReLU(), "a": nn.Tanh()})
    assert list(held) == list(held.keys()) == ["b", "a"] and len(held) == 2 and "a" in held
    assert [name for name, _ in held.items()] == ["b", "a"] and names(held.values()) == ["ReLU", "Tanh"]
    held.update(nn.ModuleDict([("c", nn.ELU())]))
    assert isinstance(held.pop("a"), nn.Tanh)
    del held["b"]
    held["d"] = nn.GELU()
    assert repr(held) == "ModuleDict(\n  (c): ELU(alpha=1.0)\n  (d): GELU(approximate='none')\n)"
    held.clear()
    assert repr(held) == "ModuleDict()"


def test_a_parameter_list_makes_tensors_parameters():
    held = nn.ParameterList([torch.zeros(2), nn.Parameter(torch.zeros(2, 3)), 3, "a"])
    assert repr(held) == ("ParameterList(\n    (0): Parameter containing: [torch.float32 of size 2]\n"
                          "    (1): Parameter containing: [torch.float32 of size 2x3]\n    (2): Object of type: int\n    (3): Object of type: str\n)")
    held += [torch.ones(1)]
    held[0] = torch.ones(2)
    assert held[0].requires_grad and held[-1].tolist() == [1] and len(held) == 5 and list(held)[2:4] == [3, "a"]
    assert list(held.state_dict()) == ["0", "1", "4"]
    assert repr(held[1:3]) == ("ParameterList(\n    (0): Parameter containing: [torch.float32 of size 2x3]\n    (1): Object of type: int\n)")
    assert repr(nn.ParameterList()) == "ParameterList()"


def test_a_parameter_dict_behaves_as_a_dictionary():
    held = nn.ParameterDict({"b": 3, "a": torch.zeros(2)})
    assert repr(held) == ("ParameterDict(\n    (a): Parameter containing: [torch.FloatTensor of size 2]\n    (b): Object of type: int\n)")
    assert list(nn.ParameterDict([("b", 1), ("a", 2)])) == ["b", "a"]  # pairs keep their order, a mapping is sorted
    assert held.get("x", 5) == 5 and held.setdefault("c") is None and held.setdefault("b", 9) == 3
    assert list(reversed(held)) == ["c", "b", "a"] and list(held.copy()) == ["a", "b", "c"]
    assert list((held | nn.ParameterDict({"z": 1})).items())[-1] == ("z", 1)
    assert list({"m": 3} | held) == ["m", "a", "b", "c"]
    held |= {"q": torch.ones(1)}
    assert isinstance(held.q, nn.Parameter) and list(held.state_dict()) == ["a", "q"]
    assert held.popitem()[0] == "q" and held.pop("b") == 3 and "b" not in held
    assert list(held.fromkeys(["x", "y"], 1).values()) == [1, 1]
    held.clear()
    assert len(held) == 0 and not held._parameters
    with pytest.raises(TypeError):
        held[0] = 3
    assert len(held) == 0


def test_container_is_deprecated():
    with pytest.warns(FutureWarning, match="^`nn.Container` is deprecated. All of its functionality is now implemented in `nn.Module`. Subclass "
                      "that instead.$"):
        assert repr(nn.Container(a=nn.ReLU())) == "Container(\n  (a): ReLU()\n)"
