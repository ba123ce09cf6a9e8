"""Recurrent layers in compiled training steps: outputs, last states, parameters and gradients as written."""
import pytest

import rushlight as torch
from rushlight import nn, optim
from rushlight.ops import rnn_lstm

from .footguns import BACKENDS, footgun, run

KINDS = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
LAYERS = {"one": {}, "two": {"num_layers": 2}, "both_ways": {"bidirectional": True}, "unbiased": {"bias": False},
          "two_both_ways": {"num_layers": 2, "bidirectional": True}, "relu": {"nonlinearity": "relu"}, "projected": {"proj_size": 3}}
#: what only one of the layers knows
OWN = {"relu": "rnn", "projected": "lstm"}


def steps(t, make, *, batch=3, length=5, given=False, packed=False, features=4, last=False):
    """Five steps of training on outputs and last states, the same with a forward that is not followed by one backward."""
    layer = make()
    optimizer = optim.SGD(layer.parameters(), lr=0.05, momentum=0.9)
    ways = layer.num_layers * (2 if layer.bidirectional else 1)
    lengths = [max(length - 2 * i, 1) for i in range(batch)]

    def forward(x, states):
        data = nn.utils.rnn.pack_padded_sequence(x, lengths) if packed else x
        out, ends = layer(data, states)
        ends = ends if isinstance(ends, tuple) else (ends,)
        return (out.data if packed else out)[-1:] if last else out.data if packed else out, ends

    def step(x, states):
        optimizer.zero_grad()
        out, ends = forward(x, states)
        loss = (out ** 2).mean() + sum([(end * end).mean() for end in ends[:0 if last else None]])
        loss.backward()
        optimizer.step()
        return out.detach(), [end.detach() for end in ends], loss
    compiled, evaluated = t.compile(step), None if packed else t.compile(forward)
    for _ in range(5):
        x = torch.randn(length, batch, features, requires_grad=True)
        widths = [layer.proj_size or layer.hidden_size, layer.hidden_size][:2 if isinstance(layer, nn.LSTM) else 1]
        states = tuple([torch.randn(ways, batch, width, requires_grad=True) for width in widths]) if given else None
        states = states[0] if given and len(widths) == 1 else states
        t.log(compiled(x, states), layer, optimizer, x, states)
        if evaluated is not None:
            with torch.no_grad():
                t.log(evaluated(x, states))


def case(name, make, captured=True, says=None, **how):
    def body(t):
        steps(t, make, **how)
    body.__name__ = name
    globals()[name] = footgun(captured, says)(body)


for kind, layer in KINDS.items():
    for name, form in LAYERS.items():
        if OWN.get(name, kind) == kind:
            case(f"test_{kind}_{name}", lambda layer=layer, form=form: layer(4, 7, **form))
    case(f"test_{kind}_of_a_part_of_the_outputs", lambda layer=layer: layer(4, 32), last=True)
    case(f"test_{kind}_from_given_states", lambda layer=layer: layer(4, 33, num_layers=2), given=True)
    case(f"test_{kind}_of_one_sequence", lambda layer=layer: layer(1, 16), batch=1, features=1, given=True)
    case(f"test_{kind}_of_many_steps", lambda layer=layer: layer(4, 48, batch_first=False), batch=34, length=20)
    # The sizes of the steps are looked at in Python.
    case(f"test_{kind}_of_packed_sequences", lambda layer=layer: layer(4, 9, bidirectional=True), captured=False, says="tolist()",
         packed=True, given=True)


@pytest.mark.parametrize("backend", BACKENDS[1:])
def test_a_compiled_lstm_step_has_no_python_in_it(backend):
    def body(t):
        steps(t, lambda: nn.LSTM(4, 20, num_layers=2), batch=2)
    trial, _ = run(body, backend)
    for work in trial.works:
        called = list(work.recordings[0].function.__globals__.values())
        for forward in (rnn_lstm.lstm_forward, rnn_lstm.lstm_alone, rnn_lstm.lstm_backward):
            assert not any([thing is forward for thing in called])
