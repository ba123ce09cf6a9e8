"""A sequence alone without gradient: the short way gives what the layer gives when it records."""
import pytest

import rushlight as torch
from rushlight import nn
from rushlight.ops import rnn, rnn_row


def both(layer, *args):
    """(outputs, h, c) the short way, and as they are when gradients are recorded."""
    with torch.no_grad():
        out, state = layer(*args)
    slow, slow_state = layer(*args)
    assert slow.requires_grad and not out.requires_grad
    return (out, *state), (slow.detach(), *[part.detach() for part in slow_state])


@pytest.fixture
def calls(monkeypatch):
    """How often the short way was taken."""
    counted = []

    def forward(*args, **how):
        counted.append(1)
        return rnn_row.lstm_row_forward(*args, **how)
    monkeypatch.setattr(rnn_row, "LSTM_ROW", rnn_row.Op("lstm_row", rnn_row.opaque, forward))
    return counted


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("how", [{}, {"num_layers": 3}, {"batch_first": True}, {"bias": False, "num_layers": 2}])
@pytest.mark.parametrize("length", [1, 7])
@pytest.mark.parametrize("given", [False, True])
def test_short_way_is_the_layer(calls, dtype, how, length, given):
    layer = nn.LSTM(3, 5, dtype=dtype, **how)
    x = torch.randn(*((1, length, 3) if layer.batch_first else (length, 1, 3)), dtype=dtype)
    states = tuple([torch.randn(layer.num_layers, 1, 5, dtype=dtype) for _ in "hc"])
    kept = [state.clone() for state in states]
    fast, slow = both(layer, x, *((states,) if given else ()))
    assert calls == [1]
    for a, b in zip(fast, slow):
        assert a.shape == b.shape and a.dtype is b.dtype and a.is_contiguous()
        torch.testing.assert_close(a, b)
    assert all(torch.equal(a, b) for a, b in zip(states, kept))


@pytest.mark.parametrize("how, shape", [({"bidirectional": True}, (4, 1, 3)), ({"proj_size": 2}, (4, 1, 3)), ({}, (4, 2, 3)),
                                        ({"num_layers": 2, "dropout": 0.5}, (4, 1, 3)), ({"dtype": torch.float16}, (4, 1, 3))])
def test_what_is_no_single_plain_sequence_goes_the_long_way(calls, how, shape):
    layer = nn.LSTM(3, 5, **how)
    with torch.no_grad():
        layer(torch.randn(shape, dtype=how.get("dtype")))
    assert calls == []


def test_unbatched_sequence_goes_the_short_way(calls):
    layer = nn.LSTM(3, 5)
    fast, slow = both(layer, torch.randn(4, 3))
    assert calls == [1] and fast[0].shape == (4, 5) and fast[1].shape == (1, 5)
    torch.testing.assert_close(fast[0], slow[0])


def test_evaluation_drops_nothing_and_goes_the_short_way(calls):
    layer = nn.LSTM(3, 5, 2, dropout=0.5).eval()
    fast, slow = both(layer, torch.randn(4, 1, 3))
    assert calls == [1]
    torch.testing.assert_close(fast[0], slow[0])


def test_wrong_states_and_dtypes_raise_as_ever():
    layer = nn.LSTM(3, 5)
    weights = list(layer.parameters())
    x, h = torch.randn(4, 1, 3), torch.zeros(1, 1, 5)
    with torch.no_grad():
        for args in ((x.double(), (h, h)), (x, (h.double(), h)), (x, (torch.zeros(1, 2, 5), h)), (x[..., :2], (h, h)), (x[:0], (h, h))):
            with pytest.raises(RuntimeError):
                rnn.lstm(*args, weights, True, 1, 0.0, False, False, False)
