"""Objects that are made the same way in PyTorch, which wrote `fixtures/`, and here, where the tests read them and write them again."""
import math
from collections import Counter, OrderedDict

DTYPES = ("bool uint8 int8 int16 int32 int64 uint16 uint32 uint64 float16 bfloat16 float32 float64 complex64 complex128").split()


def counted(torch, *shape):
    """0, 1, 2 ... as floats, in a shape."""
    return torch.arange(float(math.prod(shape))).reshape(shape)


def filled(torch, module):
    """The module, with parameters and buffers that do not depend on random numbers."""
    with torch.no_grad():
        for i, p in enumerate([*module.parameters(), *module.buffers()]):
            p.copy_((counted(torch, *p.shape) / 8 + i).to(p.dtype))
    return module


def dtypes(torch):
    values = torch.arange(12).to(torch.float64)
    return {name: (values % 2 == 0 if name == "bool" else values.to(getattr(torch, name))).reshape(3, 4) for name in DTYPES}


def views(torch):
    x = counted(torch, 24)
    square = x.view(4, 6)
    return [x, x[3:9], square, square.t(), square[1:, ::2], x[5], x.expand(2, 24), x.as_strided((3, 4), (2, 5), 1), square.diagonal()]


def sharing(torch):
    x, weight = counted(torch, 4), torch.nn.Parameter(counted(torch, 3))
    half = counted(torch, 8).to(torch.bfloat16)
    return {"a": x, "b": x, "c": x.detach(), "tied": [weight, weight], "halves": (half, half[::2], half.view(2, 4)[1])}


def shapes(torch):
    return [torch.tensor(3.5), torch.tensor(7), torch.empty(0), torch.empty(2, 0, 3), counted(torch, 2, 2, 3, 4).permute(0, 3, 1, 2),
            torch.tensor([math.nan, math.inf, -math.inf, -0.0])]


def gradients(torch):
    return [torch.ones(3, requires_grad=True), torch.nn.Parameter(counted(torch, 4)), torch.nn.Parameter(counted(torch, 4), requires_grad=False)]


def attributes(torch):
    parameter, tensor = torch.nn.Parameter(counted(torch, 2)), torch.ones(2)
    parameter.tag, tensor.note = "hello", {"k": [1, 2]}
    return [parameter, tensor, torch.nn.Buffer(counted(torch, 3)), torch.nn.Buffer(counted(torch, 3), persistent=False)]


def network(torch):
    return filled(torch, torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.BatchNorm1d(5), torch.nn.ReLU(), torch.nn.Linear(5, 2)))


def state_dict(torch):
    return network(torch).state_dict()


def checkpoint(torch):
    return {"model": state_dict(torch), "epoch": 3, "loss": 0.25, "best": None, "flag": True, "name": "résumé ✓", "history": [1.0, 2.5],
            "options": {"lr": 1e-3, "betas": (0.9, 0.999)}}


def trained(torch, optimizer, **options):
    """The state of an optimizer after two steps with the same gradient."""
    module = filled(torch, torch.nn.Linear(3, 2))
    optimizer = optimizer(module.parameters(), **options)
    for _ in range(2):
        for p in module.parameters():
            p.grad = torch.ones_like(p) / 2
        optimizer.step()
    return optimizer.state_dict()


def sgd(torch):
    return trained(torch, torch.optim.SGD, lr=0.125, momentum=0.5)


def adam(torch):
    return trained(torch, torch.optim.Adam, lr=0.125)


def scheduler(torch):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.125)
    return torch.optim.lr_scheduler.StepLR(optimizer, 2).state_dict()


def python(torch):
    return [1, -1, 255, 256, 65535, 65536, 2**31 - 1, -2**31, 2**31, 2**63, 10**30, -10**30, 1.5, True, False, None, "a", "", "ünï", b"bytes\xff",
            b"", bytearray(b"xy"), 3 + 4j, (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), [], {}, set(), {1, 2, 3}]


def nested(torch):
    # Words that `split` made are objects of their own in every Python; single letters of a text are shared with literals in some,
    # and pickle refers to a shared text where it writes others out.
    return {"a": [{"b": ({"c": [1, (2, [3])]},)}], "ordered": OrderedDict([("x", 1), ("y", OrderedDict())]),
            "counted": Counter("ab bc cd ab".split()), "long": [0] * 1200, "by number": dict.fromkeys(range(1100))}


def descriptions(torch):
    return [torch.ones(2, 3).shape, torch.float32, torch.int64, torch.bool, torch.bfloat16, torch.complex64, torch.uint16, torch.device("cpu"),
            torch.device("cuda", 1), torch.strided]


def random_state(torch):
    return torch.Generator().manual_seed(9).get_state()


def text_model(torch):
    return [network(torch).state_dict(), {"a": 0, "b": 1, "\n": 2}]


def many(torch):
    return {f"layer{i}.weight": torch.full((2, 3), float(i)) for i in range(12)}


#: name -> function of torch; each has a fixture of the zip format
ZIP = {f.__name__: f for f in (dtypes, views, sharing, shapes, gradients, attributes, state_dict, checkpoint, sgd, adam, scheduler, python, nested,
                               descriptions, random_state, text_model, many)}
#: those that have a fixture of the format before zip too
LEGACY = {f.__name__: f for f in (views, state_dict, python, gradients)}
#: whole objects, for files that are trusted
OBJECTS = {"network": network, "generator": lambda torch: torch.Generator().manual_seed(4), "maximum": lambda torch: counted(torch, 2, 3).max(0),
           "optimizer": lambda torch: torch.optim.SGD(filled(torch, torch.nn.Linear(2, 1)).parameters(), lr=0.125, momentum=0.5)}


def conjugated(torch):
    """What PyTorch writes as a note beside the numbers."""
    x, y = torch.complex(counted(torch, 3), counted(torch, 3)), torch.complex(counted(torch, 3), counted(torch, 3))
    return [x, x.conj(), y.conj().imag]
