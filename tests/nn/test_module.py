"""Module: registration, attributes, modes, dtype, repr; the messages are PyTorch 2.13's."""
import copy
import pickle
import warnings

import pytest

import rushlight as torch
from rushlight import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.l = nn.Linear(2, 3)
        self.register_buffer("b", torch.zeros(2))
        self.c = 3


class NoInit(nn.Module):
    def __init__(self, action):
        action(self)


def parameter():
    return nn.Parameter(torch.zeros(2))


def fails(action, error, first_line, module=None):
    """The action raises that error, and leaves the module as it was."""
    module = Net() if module is None else module
    before = [list(module._parameters.items()), list(module._buffers.items()), list(module._modules.items())]
    with pytest.raises(error) as caught:
        action(module)
    text = caught.value.args[0] if error is KeyError else str(caught.value)
    assert text.split("\n")[0] == first_line
    assert type(caught.value) is error
    assert before == [list(module._parameters.items()), list(module._buffers.items()), list(module._modules.items())]


@pytest.mark.parametrize("register, name, value, error, message", [
    ("register_parameter", 3, "parameter", TypeError, "parameter name should be a string. Got int"),
    ("register_parameter", "a.b", "parameter", KeyError, 'parameter name can\'t contain "."'),
    ("register_parameter", "", "parameter", KeyError, 'parameter name can\'t be empty string ""'),
    ("register_parameter", "l", "parameter", KeyError, "attribute 'l' already exists"),
    ("register_parameter", "forward", "parameter", KeyError, "attribute 'forward' already exists"),
    ("register_parameter", "q", "tensor", TypeError,
     "cannot assign 'torch.FloatTensor' object to parameter 'q' (torch.nn.Parameter or None required)"),
    ("register_parameter", "q", 6, TypeError, "cannot assign 'int' object to parameter 'q' (torch.nn.Parameter or None required)"),
    ("register_parameter", "q", "module", TypeError,
     "cannot assign 'torch.nn.modules.linear.Linear' object to parameter 'q' (torch.nn.Parameter or None required)"),
    ("register_buffer", 3, "tensor", TypeError, "buffer name should be a string. Got int"),
    ("register_buffer", "a.b", "tensor", KeyError, 'buffer name can\'t contain "."'),
    ("register_buffer", "", "tensor", KeyError, 'buffer name can\'t be empty string ""'),
    ("register_buffer", "l", "tensor", KeyError, "attribute 'l' already exists"),
    ("register_buffer", "q", 3, TypeError, "cannot assign 'int' object to buffer 'q' (torch Tensor or None required)"),
    ("add_module", 3, "module", TypeError, "module name should be a string. Got int"),
    ("add_module", "a.b", "module", KeyError, 'module name can\'t contain ".", got: a.b'),
    ("add_module", "", "module", KeyError, 'module name can\'t be empty string ""'),
    ("add_module", "c", "module", KeyError, "attribute 'c' already exists"),
    ("add_module", "q", 3, TypeError, "int is not a Module subclass"),
    ("register_module", "q", "tensor", TypeError, "torch.FloatTensor is not a Module subclass"),
])
def test_registering_what_will_not_do_is_an_error(register, name, value, error, message):
    value = {"parameter": parameter(), "tensor": torch.zeros(2), "module": nn.Linear(2, 3)}.get(value, value)
    fails(lambda net: getattr(net, register)(name, value), error, message)


@pytest.mark.parametrize("path, value, message", [
    ("l", 3, "cannot assign 'int' as child module 'l' (torch.nn.Module or None expected)"),
    ("b", 3, "cannot assign 'int' as buffer 'b' (torch.nn.Buffer, torch.Tensor or None expected)"),
])
def test_assigning_another_kind_of_thing_is_an_error(path, value, message):
    fails(lambda net: setattr(net, path, value), TypeError, message)


def test_a_parameter_cannot_become_a_tensor():
    fails(lambda layer: setattr(layer, "weight", torch.zeros(2)), TypeError,
          "cannot assign 'torch.FloatTensor' as parameter 'weight' (torch.nn.Parameter or None expected)", nn.Linear(2, 3))


def test_a_parameter_takes_the_place_of_a_buffer_and_a_module():
    net = Net()
    net.b = parameter()
    net.l = parameter()
    assert (list(net._parameters), list(net._buffers), list(net._modules)) == (["b", "l"], [], [])


def test_a_failed_replacement_leaves_the_old_attribute():
    net = Net()
    net.__dict__["x.y"] = 5
    with pytest.raises(KeyError):
        setattr(net, "x.y", parameter())
    assert net.__dict__["x.y"] == 5


@pytest.mark.parametrize("action, message", [
    (lambda m: setattr(m, "x", parameter()), "cannot assign parameters before Module.__init__() call"),
    (lambda m: setattr(m, "x", nn.ReLU()), "cannot assign module before Module.__init__() call"),
    (lambda m: setattr(m, "x", nn.Buffer(torch.zeros(2))), "cannot assign buffer before Module.__init__() call"),
    (lambda m: m.register_parameter("x", parameter()), "cannot assign parameter before Module.__init__() call"),
    (lambda m: m.register_buffer("x", torch.zeros(2)), "cannot assign buffer before Module.__init__() call"),
    (lambda m: m.y, "'NoInit' object has no attribute 'y'"),
    (lambda m: m(3), "'NoInit' object has no attribute '_backward_hooks'"),
])
def test_a_module_whose_init_was_not_called_says_so(action, message):
    with pytest.raises(AttributeError, match="^" + message.replace("(", r"\(").replace(")", r"\)")):
        NoInit(action)


@pytest.mark.parametrize("action, message", [
    (lambda: nn.Module(3), "Module.__init__() takes 1 positional argument but 2 were given"),
    (lambda: nn.Module(a=3), "Module.__init__() got an unexpected keyword argument 'a'"),
    (lambda: nn.Sigmoid(3), "Sigmoid.__init__() takes 1 positional argument but 2 were given"),
])
def test_the_constructor_takes_no_arguments(action, message):
    with pytest.raises(TypeError) as caught:
        action()
    assert str(caught.value) == message


def test_call_super_init_hands_the_arguments_on():
    class Other:
        def __init__(self, size):
            self.size = size

    class Both(nn.Module, Other):
        call_super_init = True

    assert Both(5).size == 5


def test_a_computed_tensor_is_no_parameter():
    def assign(net):
        computed = parameter() * 2
        computed.__class__ = nn.Parameter
        net.register_parameter("v", computed)
    fails(assign, ValueError, "Cannot assign non-leaf Tensor to parameter 'v'. Model parameters must be created explicitly. To express 'v' as a "
          "function of another Tensor, compute the value in the forward() method.")


def test_attributes_are_found_and_deleted_where_they_are_registered():
    net = Net()
    with pytest.raises(AttributeError, match="^'Net' object has no attribute 'foo'$"):
        getattr(net, "foo")
    with pytest.raises(AttributeError, match="foo"):
        del net.foo
    del net.l, net.b, net.c
    assert not net._parameters and not net._modules and not net._buffers and "c" not in net.__dict__


def test_dir_lists_what_is_registered_but_no_numbers():
    names = dir(nn.Sequential(Net()))
    assert "0" not in names and "forward" in names
    assert {"l", "b", "c"} <= set(dir(Net()))


def test_a_missing_forward_is_not_implemented():
    with pytest.raises(NotImplementedError) as caught:
        Net()(3)
    assert str(caught.value).split("\n")[0] == 'Module [Net] is missing the required "forward" function'


@pytest.mark.parametrize("call, error, message", [
    (lambda n: n.get_submodule("x"), AttributeError, "Net has no attribute `x`"),
    (lambda n: n.get_submodule("c"), AttributeError, "`c` is not an nn.Module"),
    (lambda n: n.get_submodule("l.x"), AttributeError, "Linear has no attribute `x`"),
    (lambda n: n.get_parameter("l.x"), AttributeError, "Linear has no attribute `x`"),
    (lambda n: n.get_parameter("b"), AttributeError, "`b` is not an nn.Parameter"),
    (lambda n: n.get_parameter("x.y"), AttributeError, "Net has no attribute `x`"),
    (lambda n: n.get_buffer("x"), AttributeError, "Net has no attribute `x`"),
    (lambda n: n.get_buffer("l.weight"), AttributeError, "`weight` is not a buffer"),
    (lambda n: n.get_buffer("c"), AttributeError, "`c` is not a buffer"),
    (lambda n: n.set_submodule("", nn.ReLU()), ValueError, "Cannot set the submodule without a target name!"),
    (lambda n: n.set_submodule("x", nn.ReLU(), strict=True), AttributeError, "Net has no attribute `x`"),
    (lambda n: n.set_submodule("c", nn.ReLU()), AttributeError, "`c` is not an nn.Module"),
    (lambda n: n.set_submodule("x.y", nn.ReLU()), AttributeError, "Net has no attribute `x`"),
    (lambda n: n.set_submodule("l", 3), ValueError, "`module` is not an nn.Module, found <class 'int'>"),
    (lambda n: n.train(3), ValueError, "training mode is expected to be boolean"),
    (lambda n: n.to(torch.int32), TypeError, "nn.Module.to only accepts floating point or complex dtypes, but got desired dtype=torch.int32"),
    (lambda n: n.to([1]), TypeError, "to() received an invalid combination of arguments - got (list), but expected one of:"),
    (lambda n: n.to(foo=1), TypeError, "to() received an invalid combination of arguments - got (foo=int, ), but expected one of:"),
    (lambda n: n.to(torch.float64, "cpu"), TypeError,
     "to() received an invalid combination of arguments - got (torch.dtype, str), but expected one of:"),
    (lambda n: n.to(torch.float64, dtype=torch.float32), TypeError,
     "to() received an invalid combination of arguments - got (torch.dtype, dtype=torch.dtype), but expected one of:"),
    (lambda n: n.to("cpu", copy=True), RuntimeError, ".to() does not accept copy argument"),
    (lambda n: n.apply(3), TypeError, "'int' object is not callable"),
    (lambda n: n.get_extra_state(), RuntimeError,
     "Reached a code path in Module.get_extra_state() that should never be called. Please file an issue at "
     "https://github.com/pytorch/pytorch/issues/new?template=bug-report.yml to report this bug."),
])
def test_bad_requests_are_pytorchs_errors(call, error, message):
    fails(call, error, message)


def test_paths_lead_to_what_is_below():
    net = nn.Sequential(Net(), nn.ReLU())
    assert net.get_submodule("") is net
    assert net.get_submodule("0.l") is net[0].l
    assert net.get_parameter("0.l.weight") is net[0].l.weight
    assert net.get_buffer("0.b") is net[0].b
    net.set_submodule("0.l", nn.Tanh())
    assert repr(net[0]) == "Net(\n  (l): Tanh()\n)"


def test_shared_members_are_listed_once():
    net = nn.Module()
    net.a = parameter()
    net.b = net.a
    net.c = nn.Linear(1, 1)
    net.d = net.c
    assert [name for name, _ in net.named_parameters()] == ["a", "c.weight", "c.bias"]
    assert [name for name, _ in net.named_parameters(remove_duplicate=False)] == ["a", "b", "c.weight", "c.bias", "d.weight", "d.bias"]
    assert [name for name, _ in net.named_modules()] == ["", "c"]
    assert [name for name, _ in net.named_modules(prefix="p", remove_duplicate=False)] == ["p", "p.c", "p.d"]
    assert [name for name, _ in net.named_children()] == ["c"]
    assert [name for name, _ in net.named_parameters("q", recurse=False)] == ["q.a"]
    assert len(list(net.modules())) == 2


def test_buffers_come_with_and_without_persistence():
    net = nn.Module()
    net.register_buffer("kept", torch.zeros(1))
    net.register_buffer("lost", torch.zeros(1), persistent=False)
    net.marked = nn.Buffer(torch.zeros(1), persistent=False)
    assert [name for name, _ in net.named_buffers()] == ["kept", "lost", "marked"]
    assert list(net.state_dict()) == ["kept"]
    net.lost = torch.ones(1)  # stays what it was
    assert list(net.state_dict()) == ["kept"]
    del net.lost
    net.register_buffer("lost", torch.zeros(1))
    assert list(net.state_dict()) == ["kept", "lost"]


def test_apply_runs_children_first_and_returns_the_module():
    seen = []
    net = nn.Sequential(nn.ReLU(), nn.Tanh())
    assert net.apply(lambda m: seen.append(type(m).__name__)) is net
    assert seen == ["ReLU", "Tanh", "Sequential"]


def test_train_and_eval_reach_all_modules():
    net = nn.Sequential(nn.Sequential(nn.ReLU()))
    assert net.eval() is net and not net[0][0].training
    assert net.train()[0][0].training


def test_to_converts_floats_and_keeps_the_parameter_objects():
    net = Net()
    net.register_buffer("i", torch.zeros(2, dtype=torch.int64))
    weight = net.l.weight
    weight.grad = torch.ones(3, 2)
    for convert, dtype in ((lambda: net.to("cpu", torch.float64), torch.float64), (lambda: net.to(torch.float16), torch.float16),
                           (lambda: net.to(torch.zeros(1)), torch.float32), (lambda: net.to(dtype=torch.float64, device="cpu"), torch.float64),
                           (net.half, torch.float16), (net.float, torch.float32), (net.bfloat16, torch.bfloat16), (net.double, torch.float64)):
        assert convert() is net
        assert weight is net.l.weight and weight.dtype == weight.grad.dtype == net.b.dtype == dtype
        assert net.i.dtype == torch.int64
    assert net.to() is net and net.to(None).b.dtype == torch.float64
    assert weight.requires_grad and weight.is_leaf


def test_complex_modules_are_warned_of():
    with pytest.warns(UserWarning, match="^Complex modules are a new feature"):
        assert Net().to(torch.complex64).b.dtype == torch.complex64


def test_freezing_and_forgetting_gradients():
    layer = nn.Linear(2, 2)
    assert layer.requires_grad_(False) is layer and not layer.weight.requires_grad
    layer.requires_grad_().weight.sum().backward()
    layer.zero_grad(set_to_none=False)
    assert layer.weight.grad.tolist() == [[0, 0], [0, 0]]
    layer.zero_grad()
    assert layer.weight.grad is None


def test_repr_puts_each_module_on_its_line():
    net = Net()
    net.inner = nn.Sequential(nn.ReLU(), nn.Sequential())
    net.none = None
    net.add_module("empty", None)
    assert repr(nn.Module()) == "Module()"
    assert repr(net) == ("Net(\n  (l): Linear(in_features=2, out_features=3, bias=True)\n  (inner): Sequential(\n    (0): ReLU()\n"
                         "    (1): Sequential()\n  )\n  (empty): None\n)")


def test_repr_of_several_extra_lines():
    class Two(nn.Module):
        def extra_repr(self):
            return "one\ntwo"

    assert repr(Two()) == "Two(\n  one\n  two\n)"
    assert repr(nn.Sequential(Two())) == "Sequential(\n  (0): Two(\n    one\n    two\n  )\n)"


def test_classes_print_as_pytorchs():
    assert repr(nn.Linear) == "<class 'torch.nn.modules.linear.Linear'>"
    assert repr(nn.Module) == "<class 'torch.nn.modules.module.Module'>"
    assert repr(type(nn.Linear(1, 1).weight)) == "<class 'torch.nn.parameter.Parameter'>"
    assert Net.__module__ == __name__


def test_a_module_is_copied_deeply_with_its_hooks():
    net = nn.Sequential(Net(), nn.ReLU())
    net[0].register_forward_pre_hook(print)
    twin = copy.deepcopy(net)
    assert twin[0].l.weight is not net[0].l.weight and twin[0].l.weight.tolist() == net[0].l.weight.tolist()
    assert isinstance(twin[0].l.weight, nn.Parameter) and list(twin[0]._forward_pre_hooks.values()) == [print]
    assert copy.copy(net)._modules is net._modules


def test_a_module_is_pickled_under_its_own_name():
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.MultiheadAttention(4, 2), Net()).eval()
    again = pickle.loads(pickle.dumps(net))
    assert repr(again) == repr(net) and not again.training
    assert again[0].weight.tolist() == net[0].weight.tolist()


def test_old_pickles_get_what_they_lack():
    layer = nn.ReLU()
    state = {name: value for name, value in layer.__dict__.items() if name not in ("_state_dict_pre_hooks", "_forward_hooks_always_called")}
    again = nn.ReLU.__new__(nn.ReLU)
    again.__setstate__(state)
    assert again.state_dict() == {} and repr(again) == "ReLU()"


def test_ten_thousand_parameters_are_no_trouble():
    net = nn.ParameterList([torch.zeros(1) for _ in range(10_000)])
    assert len(list(net.parameters())) == 10_000
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net.load_state_dict(net.state_dict())
