"""First values: golden numbers of PyTorch 2.13 from one seed, and PyTorch's messages."""
import math
import warnings

import pytest

import rushlight as torch
from rushlight.nn import init

# After manual_seed(7), zeros of that shape, filled.
GOLDEN = [
    ("uniform_(t, -1, 2)", (3,), [0.6047676205635071, -0.40359044075012207, 0.9776350855827332]),
    ("normal_(t, 1, 2)", (3,), [0.7064098119735718, 2.572282552719116, 2.8936431407928467]),
    ("trunc_normal_(t)", (4,), [-0.1467950940132141, 0.7861412763595581, 0.9468216300010681, -1.1143440008163452]),
    ("trunc_normal_(t, std=2.0, a=0, b=2)", (4,), [0.27634531259536743, 1.5722825527191162, 1.8936432600021362, 0.26561394333839417]),
    ("trunc_normal_(t, mean=5)", (4,), [1.7111594676971436, 1.5444223880767822, 1.3037846088409424, 1.8368663787841797]),
    ("trunc_normal_(t, std=0.02, a=0.01, b=0.02)", (6,), [0.015349225141108036, 0.011988031677901745, 0.01659211702644825,
                                                          0.013592858798801899, 0.012327615171670914, 0.014250613749027252]),
    ("xavier_uniform_(t, 2)", (2, 2), [0.17108482122421265, -1.4755570888519287, 0.7799748778343201, 0.7686022520065308]),
    ("xavier_normal_(t)", (2, 1, 2), [-0.08475218713283539, 0.45387887954711914, 0.5466477274894714, -0.643366813659668]),
    ("kaiming_uniform_(t, 0.2)", (2, 2), [0.11862596869468689, -1.0231146812438965, 0.5408152341842651, 0.5329297780990601]),
    ("kaiming_uniform_(t, mode='fan_out', nonlinearity='relu')", (3, 1, 2),
     [0.06984508037567139, -0.602393627166748, 0.31842339038848877, 0.3137805461883545, -0.5344768762588501, -0.14987719058990479]),
    ("kaiming_normal_(t, nonlinearity='tanh')", (2, 2), [-0.17299968004226685, 0.9264764189720154, 1.115839958190918, -1.3132669925689697]),
    ("sparse_(t, 0.5)", (3, 2), [0.0, 0.007861413061618805, 0.009468216449022293, 0.0, 0.0, 0.0]),
]
ORTHOGONAL = [
    ("orthogonal_(t)", (3, 2), [-0.07553529739379883, 0.7852973341941833, 0.4871993064880371, -0.5086230635643005, 0.8700178861618042,
                                0.3530025780200958]),
    ("orthogonal_(t, gain=2)", (2, 3), [-0.23688650131225586, 1.2686141729354858, 1.5279078483581543, -0.9784217476844788, 1.2644739151000977,
                                        -1.2015808820724487]),
]


def filled(code, shape):
    torch.manual_seed(7)
    t = torch.zeros(*shape)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "mean is more than 2 std")
        result = eval(f"init.{code}", {"init": init, "t": t})
    assert result is t
    return t.flatten().tolist()


@pytest.mark.parametrize("code, shape, expected", GOLDEN, ids=[code for code, _, _ in GOLDEN])
def test_equal_seeds_give_pytorchs_values_to_the_bit(code, shape, expected):
    assert filled(code, shape) == expected


@pytest.mark.parametrize("code, shape, expected", ORTHOGONAL, ids=[code for code, _, _ in ORTHOGONAL])
def test_orthogonal_matrices_are_pytorchs_up_to_rounding(code, shape, expected):
    # Another LAPACK rounds differently in the last place.
    assert filled(code, shape) == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize("code, shape, expected", [
    ("constant_(t, 3.5)", (2,), [3.5, 3.5]),
    ("ones_(t)", (2,), [1, 1]),
    ("zeros_(t)", (2,), [0, 0]),
    ("eye_(t)", (2, 3), [1, 0, 0, 0, 1, 0]),
    ("dirac_(t, 2)", (4, 1, 3), [0, 1, 0] + [0, 0, 0] + [0, 1, 0] + [0, 0, 0]),
    ("dirac_(t)", (1, 2, 1, 3), [0, 1, 0, 0, 0, 0]),
    ("orthogonal_(t)", (0, 3), []),
])
def test_plain_patterns(code, shape, expected):
    assert filled(code, shape) == expected


@pytest.mark.parametrize("nonlinearity, param, gain", [
    ("linear", None, 1), ("conv_transpose3d", None, 1), ("sigmoid", None, 1), ("tanh", None, 5 / 3), ("relu", None, math.sqrt(2)),
    ("selu", None, 0.75), ("leaky_relu", None, 1.4141428569978354), ("leaky_relu", 0.2, 1.3867504905630728), ("leaky_relu", 3, 0.4472135954999579),
])
def test_gains(nonlinearity, param, gain):
    assert init.calculate_gain(nonlinearity, param) == gain


@pytest.mark.parametrize("code, shape, error, message", [
    ("calculate_gain('foo')", (1,), ValueError, "Unsupported nonlinearity foo"),
    ("calculate_gain('leaky_relu', 'a')", (1,), ValueError, "negative_slope a not a valid number"),
    ("calculate_gain('leaky_relu', True)", (1,), ValueError, "negative_slope True not a valid number"),
    ("xavier_uniform_(t)", (3,), ValueError, "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions"),
    ("kaiming_normal_(t)", (3,), ValueError, "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions"),
    ("kaiming_uniform_(t, mode='foo')", (3, 2), ValueError, "Mode foo not supported, please use one of ['fan_in', 'fan_out']"),
    ("kaiming_uniform_(t, nonlinearity='foo')", (3, 2), ValueError, "Unsupported nonlinearity foo"),
    ("eye_(t)", (3,), ValueError, "Only tensors with 2 dimensions are supported"),
    ("sparse_(t, 0.1)", (3,), ValueError, "Only tensors with 2 dimensions are supported"),
    ("dirac_(t)", (3, 2), ValueError, "Only tensors with 3, 4, or 5 dimensions are supported"),
    ("dirac_(t, groups=2)", (3, 2, 3), ValueError, "dim 0 must be divisible by groups"),
    ("orthogonal_(t)", (3,), ValueError, "Only tensors with 2 or more dimensions are supported"),
    ("uniform_(t, 2, 1)", (3,), RuntimeError, "uniform_ expects to return a [from, to) range, but found from=2 > to=1"),
    ("normal_(t, 2, -1)", (3,), RuntimeError, "normal expects std >= 0.0, but found std -1"),
    ("trunc_normal_(t, a=3, b=2)", (3,), RuntimeError, "uniform_ expects to return a [from, to) range, but found from=3 > to=2"),
    ("trunc_normal_(t, std=0)", (3,), ZeroDivisionError, "float division by zero"),
])
def test_what_will_not_do_is_pytorchs_error_and_changes_nothing(code, shape, error, message):
    t = torch.full(shape, 5.0)
    with warnings.catch_warnings(), pytest.raises(error) as caught:
        warnings.filterwarnings("ignore", "mean is more than 2 std")
        eval(f"init.{code}", {"init": init, "t": t})
    assert str(caught.value).split("\n")[0] == message and (t == 5).all()


def test_an_empty_weight_is_left_alone_with_a_warning():
    t = torch.zeros(3, 0)
    with pytest.warns(UserWarning, match="^Initializing zero-element tensors is a no-op$"):
        assert init.kaiming_uniform_(t) is t
    with pytest.warns(UserWarning, match="^Initializing zero-element tensors is a no-op$"):
        assert init.kaiming_normal_(t) is t


def test_truncation_far_from_the_mean_is_warned_of():
    with pytest.warns(UserWarning, match=r"^mean is more than 2 std from \[a, b\] in nn.init.trunc_normal_. The distribution of values may be "
                      "incorrect.$"):
        assert (init.trunc_normal_(torch.zeros(100), mean=-9) <= 2).all()


def test_old_names_work_and_say_so():
    with pytest.warns(FutureWarning, match="^`nn.init.uniform` is now deprecated in favor of `nn.init.uniform_`.$"):
        assert init.uniform(torch.zeros(2), 1, 1).tolist() == [1, 1]
    assert {"constant", "dirac", "eye", "kaiming_normal", "kaiming_uniform", "normal", "orthogonal", "sparse", "xavier_normal",
            "xavier_uniform"} <= set(vars(init))


def test_a_generator_of_ones_own_leaves_the_default_one_alone():
    t, state = torch.zeros(4), torch.get_rng_state()
    init.normal_(t, generator=torch.Generator().manual_seed(7))
    assert torch.get_rng_state().tolist() == state.tolist()
    assert t.tolist() == pytest.approx([(x - 1) / 2 for x in GOLDEN[1][2]] + [t[3].item()], abs=1e-6)


def test_filling_is_not_recorded():
    t = torch.zeros(2, 2).requires_grad_()
    assert init.eye_(t).grad_fn is None and t.is_leaf and t.requires_grad
