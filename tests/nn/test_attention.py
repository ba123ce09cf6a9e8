"""MultiheadAttention and the Transformer's parts: numbers of PyTorch 2.13 from one seed, and its messages."""
import copy
import warnings

import pytest

import rushlight as torch
from rushlight import nn


def inputs():
    """Two sequences of 3 and 5 places, in batches of 2, 4 wide."""
    torch.manual_seed(0)
    return torch.randn(3, 2, 4), torch.randn(5, 2, 4)


X, Y = inputs()
INF = float("inf")
CAUSAL = torch.tensor([[0, -INF, -INF], [0, 0, -INF], [0, 0, 0]])
PADDING = torch.tensor([[False, True, False], [False, False, True]])


def first_four(tensor):
    return tensor.flatten()[:4].tolist()


@pytest.mark.parametrize("settings, args, call, output, weights", [
    ({}, (X, X, X), {}, [-0.00318, -0.2266, 0.00948, 0.11541], [0.29622, 0.3225, 0.38127, 0.42741]),
    ({}, (X, Y, Y), {}, [-0.02085, 0.11611, 0.01687, -0.07541], [0.17777, 0.21027, 0.20442, 0.1949]),
    ({}, (X, Y, Y.clone()), {}, [-0.02085, 0.11611, 0.01687, -0.07541], [0.17777, 0.21027, 0.20442, 0.1949]),
    ({}, (X, X, X), {"attn_mask": CAUSAL, "key_padding_mask": PADDING}, [-0.03071, -0.08051, 0.12205, -0.20918], [1.0, 0.0, 0.0, 1.0]),
    ({"add_bias_kv": True, "add_zero_attn": True}, (X, X, X), {"key_padding_mask": PADDING}, [-0.02841, -0.14983, -0.01331, 0.08068],
     [0.23742, 0.0, 0.31888, 0.18486]),
    ({"batch_first": True}, (X, X, X), {"need_weights": False}, [-0.05404, -0.42419, 0.34047, -0.17869], None),
    ({"kdim": 3, "vdim": 2}, (X, torch.ones(5, 2, 3), torch.ones(5, 2, 2)), {}, [0.06279, 0.22438, -0.43707, 0.45629], [0.2] * 4),
    ({}, (X, X, X), {"average_attn_weights": False}, [-0.00318, -0.2266, 0.00948, 0.11541], [0.36999, 0.33115, 0.29885, 0.30082]),
])
@pytest.mark.filterwarnings("ignore:Support for mismatched")
def test_attention_gives_pytorchs_numbers(settings, args, call, output, weights):
    torch.manual_seed(2)
    out, attention = nn.MultiheadAttention(4, 2, **settings)(*args, **call)
    assert first_four(out) == pytest.approx(output, abs=2e-5)
    assert attention is None if weights is None else first_four(attention) == pytest.approx(weights, abs=2e-5)


def test_dropout_drops_the_weights_that_pytorch_drops_either_way():
    torch.manual_seed(4)
    layer = nn.MultiheadAttention(4, 2, dropout=0.5)
    for need_weights in (True, False):
        torch.manual_seed(4)
        out, _ = layer(X, X, X, need_weights=need_weights)
        assert first_four(out) == pytest.approx([0.26208, 0.0932, -0.27895, -0.15902], abs=2e-5)


def test_a_sequence_without_batch_and_the_causal_hint():
    torch.manual_seed(2)
    layer = nn.MultiheadAttention(4, 2)
    batched, weights = layer(X, Y, Y)
    alone, alone_weights = layer(X[:, 0], Y[:, 0], Y[:, 0])
    assert alone.shape == (3, 4) and alone_weights.shape == (3, 5)
    torch.testing.assert_close(alone, batched[:, 0])
    torch.testing.assert_close(alone_weights, weights[0])
    hinted, _ = layer(X, X, X, attn_mask=CAUSAL, is_causal=True, need_weights=False)
    torch.testing.assert_close(hinted, layer(X, X, X, attn_mask=CAUSAL != 0)[0])


def test_a_row_that_may_look_nowhere_is_nan_with_weights_and_the_bias_without():
    layer = nn.MultiheadAttention(4, 2)
    nowhere = torch.ones(2, 3, dtype=torch.bool)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert layer(X, X, X, key_padding_mask=nowhere)[0].isnan().all()
    out, _ = layer(X, X, X, key_padding_mask=nowhere, need_weights=False)
    assert (out == layer.out_proj.bias).all()


def z(*shape, **kind):
    return torch.zeros(*shape, **kind)


@pytest.mark.parametrize("args, call, error, message", [
    ((X[0], X[0], X), {}, AssertionError,
     "For unbatched (2-D) `query`, expected `key` and `value` to be 2-D but found 2-D and 3-D tensors respectively"),
    ((X[0, 0], X, X), {}, AssertionError, "query should be unbatched 2D or batched 3D tensor but received 1-D query tensor"),
    ((X, X, X), {"attn_mask": z(2, 2)}, RuntimeError, "The shape of the 2D attn_mask is torch.Size([2, 2]), but should be (3, 3)."),
    ((X, X, X), {"attn_mask": z(3, 3, 3)}, RuntimeError, "The shape of the 3D attn_mask is torch.Size([3, 3, 3]), but should be (4, 3, 3)."),
    ((X, X, X), {"attn_mask": z(3, 3, 3, 3)}, AssertionError,
     "For batched (3-D) `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found 4-D tensor instead"),
    ((X, X, X), {"attn_mask": z(3, 3, dtype=torch.int32)}, AssertionError, "only bool and floating types of attn_mask are supported"),
    ((X, X, X), {"key_padding_mask": z(2, 2)}, AssertionError, "Expected key_padded_mask.shape[1] to be 3, but got 2"),
    ((X, X, X), {"key_padding_mask": z(3, 3)}, AssertionError, "Expected key_padded_mask.shape[0] to be 2, but got 3"),
    ((X, X, X), {"key_padding_mask": z(3)}, AssertionError,
     "For batched (3-D) `query`, expected `key_padding_mask` to be `None` or 2-D but found 1-D tensor instead"),
    ((X[:, 0], X[:, 0], X[:, 0]), {"attn_mask": z(5, 3, 3)}, AssertionError,
     "Expected `attn_mask` shape to be (2, 3, 3) but got torch.Size([5, 3, 3])"),
    ((X, X, X), {"is_causal": True}, RuntimeError, "Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
     "`generate_square_subsequent_mask` to create this mask."),
    ((z(3, 2, 5), X, X), {}, AssertionError, "was expecting embedding dimension of 4, but got 5"),
    ((X, z(4, 2, 4), X), {}, AssertionError, "key shape torch.Size([4, 2, 4]) does not match value shape torch.Size([3, 2, 4])"),
])
def test_what_does_not_go_together_is_pytorchs_error(args, call, error, message):
    with pytest.raises(error) as caught:
        nn.MultiheadAttention(4, 2)(*args, **call)
    assert type(caught.value) is error and str(caught.value).split("\n")[0] == message


def test_masks_of_two_kinds_are_warned_of():
    with pytest.warns(UserWarning, match="^Support for mismatched key_padding_mask and attn_mask is deprecated. Use same type for both instead.$"):
        nn.MultiheadAttention(4, 2)(X, X, X, key_padding_mask=PADDING, attn_mask=CAUSAL)


def encoder(dropout=0.0, **settings):
    return nn.TransformerEncoderLayer(4, 2, 8, dropout=dropout, **settings)


@pytest.mark.parametrize("call, expected", [
    (lambda: encoder()(X), [-0.88223, -1.08612, 0.75528, 1.21307]),
    (lambda: encoder(norm_first=True, activation="gelu")(X), [-1.99272, -1.03565, -0.00174, -0.19004]),
    (lambda: encoder(dropout=0.5)(X), [-1.65982, 0.31955, 1.0199, 0.32037]),
    (lambda: nn.TransformerDecoderLayer(4, 2, 8, dropout=0.0)(X, Y, tgt_mask=CAUSAL), [-0.50375, -1.38976, 1.0518, 0.84171]),
    (lambda: nn.TransformerEncoder(encoder(batch_first=True), 2, nn.LayerNorm(4))(X), [-1.53119, 0.15359, 1.27315, 0.10446]),
    (lambda: nn.Transformer(4, 2, 1, 1, 8, dropout=0.0)(Y, X, tgt_mask=CAUSAL), [0.48975, -1.71966, 0.76748, 0.46243]),
])
@pytest.mark.filterwarnings("ignore:enable_nested_tensor is True")
def test_transformers_give_pytorchs_numbers_from_one_seed(call, expected):
    torch.manual_seed(3)
    assert first_four(call()) == pytest.approx(expected, abs=5e-5)


def test_in_evaluation_an_encoder_gives_zeros_for_padding_at_the_end():
    net = nn.TransformerEncoder(encoder(batch_first=True), 1).eval()
    padding = torch.tensor([[False, True]] * 3)
    with torch.no_grad():
        out = net(X, src_key_padding_mask=padding)
        assert (out[:, 1] == 0).all() and (out[:, 0] != 0).any()
        assert (net(X, src_key_padding_mask=torch.tensor([[True, False]] * 3))[:, 0] != 0).any()  # not at the end
    assert (net(X, src_key_padding_mask=padding)[:, 1] != 0).any()  # gradients are wanted


def test_layers_of_an_encoder_begin_equal_but_apart():
    net = nn.TransformerEncoder(encoder(batch_first=True), 2)
    first, second = (layer.linear1.weight for layer in net.layers)
    assert first is not second and first.tolist() == second.tolist()
    assert copy.deepcopy(net).num_layers == 2


@pytest.mark.parametrize("src, tgt, message", [
    ((3, 2, 4), (3, 3, 4), "the batch number of src and tgt must be equal"),
    ((3, 2, 4), (3, 2, 5), "the feature number of src and tgt must be equal to d_model"),
])
@pytest.mark.filterwarnings("ignore:enable_nested_tensor is True")
def test_a_transformer_checks_its_sequences(src, tgt, message):
    with pytest.raises(RuntimeError) as caught:
        nn.Transformer(4, 2, 1, 1, 8)(z(*src), z(*tgt))
    assert str(caught.value).split("\n")[0] == message


def test_the_causal_mask_and_how_it_is_recognised():
    from rushlight.nn.transformer import _detect_is_causal_mask, _get_seq_len
    mask = nn.Transformer.generate_square_subsequent_mask(3)
    assert mask.tolist() == CAUSAL.tolist()
    assert _detect_is_causal_mask(mask) and not _detect_is_causal_mask(z(3, 3)) and not _detect_is_causal_mask(None)
    assert _detect_is_causal_mask(z(3, 3), True) and not _detect_is_causal_mask(mask, False) and not _detect_is_causal_mask(mask, None, 2)
    assert (_get_seq_len(X, False), _get_seq_len(X, True), _get_seq_len(X[0], True)) == (3, 2, 2)
