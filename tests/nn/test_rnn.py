"""Recurrent layers and cells; the numbers are PyTorch 2.13's."""
import copy
import pickle

import numpy as np
import pytest

import rushlight as torch
from rushlight import nn
from rushlight.nn.utils.rnn import pack_sequence, pad_packed_sequence

#: from seed 5 and hidden size 2: outputs, the last state (c of an LSTM), the input's gradient
GOLDEN = {
    "RNN": (nn.RNN, {}, [-0.57792538, -0.05745257, -0.77024055, 0.77003127, -0.92651069, 0.9763611], [-0.92651069, 0.9763611],
            [1.35939586, 0.42470592, 1.49485958, -0.02365681, 0.49214828, -0.24747634]),
    "LSTM": (nn.LSTM, {}, [0.21209793, -0.03978002, 0.27428037, -0.04700087, 0.27336407, 0.02225948], [0.52209651, 0.0303946],
             [0.08070499, -0.10975376, 0.41282511, -0.10743302, 0.45475459, 0.09263901]),
    "GRU": (nn.GRU, {}, [0.08545749, -0.11258179, 0.14106338, -0.10597751, 0.17510352, 0.00231823], [0.17510352, 0.00231823],
            [-0.65661585, 1.22474349, -1.15905714, 2.13514137, -1.32506132, 2.28428388]),
    "projected LSTM": (nn.LSTM, {"proj_size": 1}, [0.02727181, 0.05394315, 0.07979146], [0.47361341, -0.52175105],
                       [-0.00248553, 0.04248176, -0.0007505, 0.05032214, -0.01293408, 0.03818541]),
}
LAYERS = [nn.RNN, nn.LSTM, nn.GRU]


def close(tensor, numbers):
    return np.allclose(tensor.detach().numpy().ravel(), numbers, rtol=0, atol=2e-6)


def first(state):
    return state[0] if isinstance(state, tuple) else state


@pytest.mark.parametrize("name", GOLDEN)
def test_layer_gives_pytorchs_numbers(name):
    cls, how, outputs, last, by_x = GOLDEN[name]
    torch.manual_seed(5)
    x = torch.linspace(-1, 1, 6).reshape(3, 1, 2).requires_grad_()
    out, state = cls(2, 2, **how)(x)
    (out * torch.arange(1.0, 1 + out.numel()).reshape(out.shape)).sum().backward()
    assert close(out, outputs)
    assert close(state[1] if isinstance(state, tuple) else state, last)
    assert close(x.grad, by_x)


@pytest.mark.parametrize("cls, numbers", [(nn.RNNCell, [0.2474847, 0.55520856]), (nn.LSTMCell, [0.0468904, -0.01999621]),
                                          (nn.GRUCell, [-0.34714651, -0.0485743])])
def test_cell_gives_pytorchs_numbers(cls, numbers):
    torch.manual_seed(5)
    assert close(first(cls(2, 2)(torch.tensor([[0.5, -1.0]]))), numbers)


@pytest.mark.parametrize("cls", LAYERS)
def test_packed_sequences_equal_each_sequence_alone(cls):
    layer = cls(3, 4, 2, bidirectional=True)
    sequences = [torch.randn(n, 3) for n in (2, 11, 5)]
    packed, state = layer(pack_sequence(sequences, enforce_sorted=False))
    padded, lengths = pad_packed_sequence(packed)
    assert lengths.tolist() == [2, 11, 5]
    for number, sequence in enumerate(sequences):
        out, alone = layer(sequence)
        assert torch.allclose(padded[:len(sequence), number], out, atol=1e-6)
        assert torch.allclose(first(state)[:, number], first(alone), atol=1e-6)


@pytest.mark.parametrize("cls", LAYERS)
def test_batch_first_is_the_same_transposed(cls):
    layer = cls(3, 4)
    x = torch.randn(9, 2, 3)
    want = layer(x)[0]
    layer.batch_first = True
    assert torch.equal(layer(x.transpose(0, 1))[0].transpose(0, 1), want)


@pytest.mark.parametrize("cls", LAYERS)
def test_a_sequence_may_be_run_in_two_parts(cls):
    layer = cls(3, 4, 2)
    x = torch.randn(9, 2, 3)
    out, state = layer(x[:4])
    assert torch.allclose(torch.cat([out, layer(x[4:], state)[0]]), layer(x)[0], atol=1e-6)


@pytest.mark.parametrize("cls", LAYERS)
def test_empty_batch_has_empty_outputs(cls):
    layer = cls(3, 4)
    out, state = layer(torch.zeros(10, 0, 3))
    out.sum().backward()
    assert out.shape == (10, 0, 4)
    assert first(state).shape == (1, 0, 4)
    assert not layer.weight_hh_l0.grad.any()


def test_half_precision_comes_out_as_it_went_in():
    for dtype in (torch.float16, torch.bfloat16):
        layer = nn.LSTM(3, 4).to(dtype)
        out, _ = layer(torch.ones(9, 2, 3, dtype=dtype))
        out.sum().backward()
        assert out.dtype is layer.weight_hh_l0.grad.dtype is dtype


def test_weights_that_do_not_learn_get_no_gradient():
    layer = nn.GRU(3, 4).requires_grad_(False)
    x = torch.randn(9, 2, 3, requires_grad=True)
    layer(x)[0].sum().backward()
    assert x.grad.abs().sum() > 0
    assert layer.weight_hh_l0.grad is None


def test_repr_names_what_is_not_by_default():
    layer = nn.LSTM(3, 4, 2, bias=False, batch_first=True, dropout=0.5, bidirectional=True, proj_size=2)
    assert repr(layer) == "LSTM(3, 4, proj_size=2, num_layers=2, bias=False, batch_first=True, dropout=0.5, bidirectional=True)"
    assert repr(nn.RNNCell(3, 4, bias=False, nonlinearity="relu")) == "RNNCell(3, 4, bias=False, nonlinearity=relu)"


def test_all_weights_are_the_parameters():
    layer = nn.LSTM(3, 4, 2, bidirectional=True)
    assert [id(p) for row in layer.all_weights for p in row] == [id(p) for p in layer.parameters()]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_copies_run_on_their_own_weights(copied):
    layer = nn.GRU(3, 4)
    twin, x = copied(layer), torch.randn(5, 2, 3)
    assert torch.equal(layer(x)[0], twin(x)[0])
    with torch.no_grad():
        twin.weight_ih_l0.zero_()
    assert not torch.equal(layer(x)[0], twin(x)[0])


def test_history_is_named_as_in_pytorch():
    x = torch.ones(5, 2, 3)
    assert nn.LSTM(3, 4)(x)[0].grad_fn.name() == "MkldnnRnnLayerBackward0"
    assert nn.GRU(3, 4)(x)[0].grad_fn.name() == "StackBackward0"
    assert nn.RNN(3, 4, batch_first=True)(x)[0].grad_fn.name() == "TransposeBackward1"
    assert nn.LSTMCell(3, 4)(x[0])[0].grad_fn.name() == "MulBackward0"


@pytest.mark.parametrize("run, error, text", [
    (lambda: nn.LSTM(3, 4)(torch.ones(5)), ValueError, "LSTM: Expected input to be 2D or 3D, got 1D instead"),
    (lambda: nn.RNN(3, 4)(torch.ones(5)), ValueError, "RNN: Expected input to be 2D or 3D, got 1D tensor instead"),
    (lambda: nn.GRU(3, 4)(torch.ones(5, 2, 7)), RuntimeError, "input.size(-1) must be equal to input_size. Expected 3, got 7"),
    (lambda: nn.GRU(3, 4)(torch.ones(0, 2, 3)), RuntimeError, "Expected sequence length to be larger than 0 in RNN"),
    (lambda: nn.GRU(3, 4)(torch.ones(5, 2, 3), torch.ones(1, 3, 4)), RuntimeError, "Expected hidden size (1, 2, 4), got [1, 3, 4]"),
    (lambda: nn.LSTM(3, 4)(torch.ones(5, 2, 3), (torch.ones(1, 2, 4), torch.ones(1, 2, 5))), RuntimeError,
     "Expected hidden[1] size (1, 2, 4), got [1, 2, 5]"),
    (lambda: nn.LSTM(3, 0), ValueError, "hidden_size must be greater than zero"),
    (lambda: nn.LSTM(3, 4, 1, 1), TypeError, "bias should be of type bool, got: int"),
    (lambda: nn.GRU(3, 4, proj_size=2), ValueError, "proj_size argument is only supported for LSTM, not RNN or GRU"),
    (lambda: nn.RNN(3, 4, nonlinearity="x"), ValueError, "Unknown nonlinearity 'x'. Select from 'tanh' or 'relu'."),
    (lambda: nn.LSTMCell(3, 4)(torch.ones(2, 7)), RuntimeError, "input has inconsistent input_size: got 7 expected 3"),
    (lambda: nn.GRUCell(3, 4)(torch.ones(2, 3), torch.ones(3, 4)), RuntimeError, "Input batch size 2 doesn't match hidden0 batch size 3"),
])
def test_errors_are_pytorchs(run, error, text):
    with pytest.raises(error) as caught:
        run()
    assert str(caught.value).splitlines()[0] == text


def test_dropout_of_a_single_layer_is_warned_of():
    with pytest.warns(UserWarning, match="dropout option adds dropout after all but last recurrent layer"):
        nn.LSTM(3, 4, dropout=0.5)
