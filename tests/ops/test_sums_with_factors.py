"""Sums with factors have PyTorch's bits: float32 and the halves are rounded where its kernels for whole vectors round."""
import math

import pytest

import rushlight as torch

X, Y, Z = [0.3, -3.3, 1.0, 300.0, -0.0, 2.7], [1.7, 0.9, -2.3, 0.123, 5.1, 0.7], [0.7, -1.9, 3.1, 0.77, 2.0, 1.1]
#: an expression, and what PyTorch gives in float16, bfloat16 and float32
RESULTS = [
    ("torch.add(x, y, alpha=0.3)",
     [0.81005859375, -3.03125, 0.3095703125, 300.0, 1.5302734375, 2.91015625],
     [0.8125, -3.03125, 0.30859375, 300.0, 1.53125, 2.90625],
     [0.8100000619888306, -3.0299999713897705, 0.3099999725818634, 300.0368957519531, 1.53000009059906, 2.9100000858306885]),
    ("torch.sub(x, y, alpha=0.3)",
     [-0.2100830078125, -3.5703125, 1.6904296875, 300.0, -1.5302734375, 2.48828125],
     [-0.2119140625, -3.5625, 1.6875, 300.0, -1.53125, 2.5],
     [-0.21000002324581146, -3.569999933242798, 1.690000057220459, 299.9631042480469, -1.53000009059906, 2.490000009536743]),
    ("torch.rsub(x, y, alpha=0.3)",
     [1.6103515625, 1.890625, -2.6015625, -89.875, 5.1015625, -0.10968017578125],
     [1.609375, 1.890625, -2.59375, -90.0, 5.09375, -0.11376953125],
     [1.6100000143051147, 1.8899999856948853, -2.5999999046325684, -89.87700653076172, 5.099999904632568, -0.11000005900859833]),
    ("torch.add(x, 0.7, alpha=-3.3)",
     [-2.01171875, -5.61328125, -1.3115234375, 297.75, -2.310546875, 0.387939453125],
     [-2.0, -5.59375, -1.3046875, 298.0, -2.3125, 0.3984375],
     [-2.009999990463257, -5.609999656677246, -1.309999942779541, 297.69000244140625, -2.309999942779541, 0.3900001347064972]),
    ("torch.rsub(x, 0.7, alpha=0.3)",
     [0.6103515625, 1.6904296875, 0.400146484375, -89.3125, 0.7001953125, -0.10968017578125],
     [0.609375, 1.6875, 0.3984375, -89.5, 0.69921875, -0.11376953125],
     [0.60999995470047, 1.690000057220459, 0.3999999761581421, -89.30000305175781, 0.699999988079071, -0.11000005900859833]),
    ("x.clone().add_(y, alpha=1/3)",
     [0.86669921875, -3.0, 0.2332763671875, 300.0, 1.7001953125, 2.931640625],
     [0.87109375, -3.0, 0.232421875, 300.0, 1.703125, 2.9375],
     [0.8666667342185974, -3.0, 0.23333331942558289, 300.0409851074219, 1.7000000476837158, 2.933333396911621]),
    ("torch.add(torch.tensor(0.7), x, alpha=0.3)",
     [0.7900390625, -0.290283203125, 1.0, 90.6875, 0.7001953125, 1.509765625],
     [0.7890625, -0.29296875, 1.0, 91.0, 0.69921875, 1.515625],
     [0.7900000214576721, -0.2900000512599945, 1.0, 90.70000457763672, 0.699999988079071, 1.5099999904632568]),
    ("torch.lerp(x, y, 0.1)",
     [0.43994140625, -2.880859375, 0.669921875, 270.0, 0.51025390625, 2.5],
     [0.44140625, -2.875, 0.671875, 270.0, 0.5078125, 2.5],
     [0.4400000274181366, -2.879999876022339, 0.6700000166893005, 270.0122985839844, 0.5099999904632568, 2.5]),
    ("torch.lerp(x, y, 0.7)",
     [1.2802734375, -0.3603515625, -1.310546875, 90.0625, 3.5703125, 1.2998046875],
     [1.28125, -0.359375, -1.3046875, 90.0, 3.5625, 1.296875],
     [1.2799999713897705, -0.36000001430511475, -1.309999942779541, 90.08610534667969, 3.569999933242798, 1.2999999523162842]),
    ("torch.lerp(x, y, z)",
     [1.2802734375, -11.28125, -9.234375, 69.0625, 10.203125, 0.5009765625],
     [1.28125, -11.25, -9.1875, 69.0, 10.1875, 0.49609375],
     [1.2799999713897705, -11.279999732971191, -9.229999542236328, 69.09471893310547, 10.199999809265137, 0.4999999403953552]),
    ("torch.lerp(x, y, torch.tensor(0.3, dtype=torch.float64))",
     [0.72021484375, -2.041015625, 0.00960540771484375, 210.0, 1.5302734375, 2.099609375],
     [0.72265625, -2.03125, 0.00836181640625, 210.0, 1.53125, 2.09375],
     [0.7200000286102295, -2.0399999618530273, 0.009999974630773067, 210.03689575195312, 1.53000009059906, 2.0999999046325684]),
    ("torch.addcmul(x, y, z, value=0.3)",
     [0.6572265625, -3.814453125, -1.1396484375, 300.0, 3.060546875, 2.9296875],
     [0.65625, -3.8125, -1.1328125, 300.0, 3.0625, 2.9375],
     [0.6570000648498535, -3.812999963760376, -1.1389999389648438, 300.0284118652344, 3.06000018119812, 2.930999994277954]),
    ("torch.addcmul(x, y, z)",
     [1.490234375, -5.01171875, -6.1328125, 300.0, 10.203125, 3.46875],
     [1.4921875, -5.0, -6.09375, 300.0, 10.1875, 3.46875],
     [1.4900000095367432, -5.009999752044678, -6.12999963760376, 300.0946960449219, 10.199999809265137, 3.4700000286102295]),
    ("torch.addcdiv(x, y, z, value=-3.3)",
     [-7.71484375, -1.73828125, 3.44921875, 299.5, -8.4140625, 0.59765625],
     [-7.75, -1.734375, 3.453125, 300.0, -8.375, 0.609375],
     [-7.714285850524902, -1.736842155456543, 3.4483871459960938, 299.4728698730469, -8.414999961853027, 0.6000001430511475]),
]
#: an expression, and the gradients of x and y by PyTorch where Z arrives
GRADIENTS = [
    ("torch.add(x, y, alpha=0.3)",
     ([0.7001953125, -1.900390625, 3.099609375, 0.77001953125, 2.0, 1.099609375],
      [0.2100830078125, -0.5703125, 0.9296875, 0.23095703125, 0.60009765625, 0.329833984375]),
     ([0.69921875, -1.8984375, 3.09375, 0.76953125, 2.0, 1.1015625],
      [0.2099609375, -0.5703125, 0.9296875, 0.23046875, 0.6015625, 0.330078125]),
     ([0.699999988079071, -1.899999976158142, 3.0999999046325684, 0.7699999809265137, 2.0, 1.100000023841858],
      [0.21000000834465027, -0.5699999928474426, 0.9300000071525574, 0.23100000619888306, 0.6000000238418579, 0.33000001311302185])),
    ("torch.sub(x, y, alpha=0.3)",
     ([0.7001953125, -1.900390625, 3.099609375, 0.77001953125, 2.0, 1.099609375],
      [-0.2100830078125, 0.5703125, -0.9296875, -0.23095703125, -0.60009765625, -0.329833984375]),
     ([0.69921875, -1.8984375, 3.09375, 0.76953125, 2.0, 1.1015625],
      [-0.2099609375, 0.5703125, -0.9296875, -0.23046875, -0.6015625, -0.330078125]),
     ([0.699999988079071, -1.899999976158142, 3.0999999046325684, 0.7699999809265137, 2.0, 1.100000023841858],
      [-0.21000000834465027, 0.5699999928474426, -0.9300000071525574, -0.23100000619888306, -0.6000000238418579, -0.33000001311302185])),
    ("torch.rsub(x, y, alpha=0.3)",
     ([-0.2100830078125, 0.5703125, -0.9296875, -0.23095703125, -0.60009765625, -0.329833984375],
      [0.7001953125, -1.900390625, 3.099609375, 0.77001953125, 2.0, 1.099609375]),
     ([-0.2099609375, 0.5703125, -0.9296875, -0.23046875, -0.6015625, -0.330078125],
      [0.69921875, -1.8984375, 3.09375, 0.76953125, 2.0, 1.1015625]),
     ([-0.21000000834465027, 0.5699999928474426, -0.9300000071525574, -0.23100000619888306, -0.6000000238418579, -0.33000001311302185],
      [0.699999988079071, -1.899999976158142, 3.0999999046325684, 0.7699999809265137, 2.0, 1.100000023841858])),
    ("torch.add(x, 0.7, alpha=-3.3)",
     ([0.7001953125, -1.900390625, 3.099609375, 0.77001953125, 2.0, 1.099609375],
      None),
     ([0.69921875, -1.8984375, 3.09375, 0.76953125, 2.0, 1.1015625],
      None),
     ([0.699999988079071, -1.899999976158142, 3.0999999046325684, 0.7699999809265137, 2.0, 1.100000023841858],
      None)),
    ("torch.lerp(x, y, 0.1)",
     ([0.63037109375, -1.7099609375, 2.7890625, 0.69287109375, 1.7998046875, 0.98974609375],
      [0.07000732421875, -0.1900634765625, 0.31005859375, 0.0770263671875, 0.199951171875, 0.1099853515625]),
     ([0.62890625, -1.7109375, 2.78125, 0.69140625, 1.796875, 0.9921875],
      [0.06982421875, -0.189453125, 0.30859375, 0.0771484375, 0.2001953125, 0.1103515625]),
     ([0.6299999952316284, -1.709999918937683, 2.7899997234344482, 0.6929999589920044, 1.7999999523162842, 0.9900000095367432],
      [0.07000000029802322, -0.1899999976158142, 0.3100000023841858, 0.07699999958276749, 0.20000000298023224, 0.11000000685453415])),
    ("torch.lerp(x, y, 0.7)",
     ([0.2100830078125, -0.5703125, 0.9296875, 0.23095703125, 0.60009765625, 0.329833984375],
      [0.490234375, -1.330078125, 2.169921875, 0.5390625, 1.400390625, 0.76953125]),
     ([0.2099609375, -0.5703125, 0.9296875, 0.23046875, 0.6015625, 0.330078125],
      [0.490234375, -1.328125, 2.171875, 0.5390625, 1.3984375, 0.76953125]),
     ([0.21000000834465027, -0.5699999928474426, 0.9300000071525574, 0.23100000619888306, 0.6000000238418579, 0.33000001311302185],
      [0.4899999797344208, -1.3299999237060547, 2.169999837875366, 0.5389999747276306, 1.399999976158142, 0.7699999809265137])),
]
DTYPES = pytest.mark.parametrize("place, dtype", [(1, torch.float16), (2, torch.bfloat16), (3, torch.float32)],
                                 ids=["float16", "bfloat16", "float32"])
CASES = pytest.mark.parametrize("case", RESULTS, ids=[case[0] for case in RESULTS])


def spelled(numbers):
    """Their text, which tells -0.0 from 0.0."""
    return [repr(number) for number in numbers]


def function_of(expression):
    return eval(f"lambda x, y, z: {expression}", {"torch": torch})


def arguments(dtype, times=1, **options):
    return [torch.tensor(numbers * times, dtype=dtype, **options) for numbers in (X, Y, Z)]


@DTYPES
@CASES
def test_sums_with_factors_have_pytorchs_bits(case, place, dtype):
    out = function_of(case[0])(*arguments(dtype))
    assert out.dtype is dtype
    assert spelled(out.tolist()) == spelled(case[place])


@DTYPES
@CASES
def test_long_tensors_have_the_same_bits(case, place, dtype):
    out = function_of(case[0])(*arguments(dtype, 20000))
    assert spelled(out.reshape(-1, 6)[19999].tolist()) == spelled(case[place])


@DTYPES
@CASES
def test_compiled_functions_have_the_same_bits(case, place, dtype):
    compiled = torch.compile(function_of(case[0]))
    for _ in range(3):
        assert spelled(compiled(*arguments(dtype, 30)).reshape(-1, 6)[7].tolist()) == spelled(case[place])


@DTYPES
@pytest.mark.parametrize("case", GRADIENTS, ids=[case[0] for case in GRADIENTS])
def test_gradients_of_sums_with_factors_have_pytorchs_bits(case, place, dtype):
    x, y, z = arguments(dtype, requires_grad=True)
    function_of(case[0])(x, y, z).backward(z.detach())
    for tensor, expected in zip((x, y), case[place]):
        assert tensor.grad is expected is None or spelled(tensor.grad.tolist()) == spelled(expected)


def test_nodes_of_sums_with_factors_have_pytorchs_names():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    nodes = {"AddBackward0": torch.add(x, x, alpha=2), "SubBackward0": torch.sub(x, x, alpha=2), "RsubBackward0": torch.rsub(x, x, alpha=2),
             "RsubBackward1": torch.rsub(x, 3, alpha=2)}
    for name, out in nodes.items():
        assert out.grad_fn.name() == name
        assert {node.name() for node, _ in out.grad_fn.next_functions if node is not None} == {"torch::autograd::AccumulateGrad"}


def test_whole_numbers_truth_values_and_complex_numbers_have_factors_too():
    small = [torch.tensor([n], dtype=torch.uint8) for n in (1, 3)]
    assert torch.add(*small, alpha=-1).tolist() == torch.sub(*small, alpha=1).tolist() == [254] and torch.sub(*small, alpha=2).tolist() == [251]
    truths = torch.tensor([True, False])
    assert torch.add(truths, truths, alpha=True).tolist() == torch.add(truths, truths, alpha=2).tolist() == [True, False]
    assert torch.add(truths, 1.5, alpha=2).tolist() == [4.0, 3.0] and torch.add(torch.tensor([1, 2]), 2.5, alpha=2.5).tolist() == [7.25, 8.25]
    assert torch.add(torch.tensor([1j]), torch.tensor([1j]), alpha=2j).tolist() == [-2 + 1j]
    assert torch.add(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0]), alpha=torch.tensor(2.0)).tolist() == [3.0, 6.0]


def test_factors_that_a_dtype_lacks_are_refused():
    x, whole, truths = torch.tensor([1.0]), torch.tensor([1]), torch.tensor([True])
    cases = [("Boolean alpha only supported for Boolean results.", (x, x, True)),
             ("Boolean alpha only supported for Boolean results.", (truths, whole, True)),
             ("For integral input tensors, argument alpha must not be a floating point number.", (whole, whole, 2.5)),
             ("For integral input tensors, argument alpha must not be a floating point number.", (truths, truths, 2.5)),
             ("For non-complex input tensors, argument alpha must not be a complex number.", (x, x, 2j)),
             ("value cannot be converted to type float without overflow", (x, x, 1e39)),
             ("value cannot be converted to type c10::Half without overflow", (x.half(), 0.7, 65520)),
             ("value cannot be converted to type int8_t without overflow", (whole.to(torch.int8), 1, 300))]
    for message, (a, b, alpha) in cases:
        with pytest.raises(RuntimeError) as error:
            torch.add(a, b, alpha=alpha)
        assert str(error.value).split("\n")[0] == message
    with pytest.raises(RuntimeError, match="^Subtraction, the `-` operator, with two bool tensors is not supported"):
        torch.sub(truths, truths, alpha=2)
    with pytest.raises(RuntimeError, match="^value cannot be converted to type float without overflow"):
        torch.lerp(x, x, 1e39)


def test_numbers_beyond_float32_are_infinite_in_compiled_sums():
    compiled = torch.compile(lambda x: x + 1e39)
    for _ in range(2):
        assert compiled(torch.ones(64))[0].item() == math.inf
