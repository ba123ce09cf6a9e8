"""An LSTM where no gradient is wanted keeps nothing of its steps, and gives what it gives when it does."""
import pytest

import rushlight as torch
from rushlight import nn
from rushlight.nn.utils.rnn import pack_padded_sequence

CASES = [{}, {"num_layers": 2, "bidirectional": True}, {"proj_size": 3}, {"bias": False}, {"dtype": torch.float64}, {"dtype": torch.float16}]


@pytest.mark.parametrize("how", CASES)
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("hidden", [5, 32])
def test_outputs_without_gradient_are_those_with(how, packed, given, hidden):
    layer, dtype = nn.LSTM(4, hidden, **how), how.get("dtype")
    x = torch.randn(9, 5, 4, dtype=dtype)
    states = tuple([torch.randn(layer.num_layers * (2 if layer.bidirectional else 1), 5, width, dtype=dtype)
                    for width in (layer.proj_size or hidden, hidden)]) if given else None
    x = pack_padded_sequence(x, [9, 7, 7, 2, 1]) if packed else x
    out, last = layer(x, states)
    with torch.no_grad():
        alone, alone_last = layer(x, states)
    for a, b in zip((out.data if packed else out, *last), (alone.data if packed else alone, *alone_last)):
        assert a.requires_grad and not b.requires_grad
        torch.testing.assert_close(a.detach(), b, rtol=0, atol=2e-3 if dtype is torch.float16 else 1e-6)
