"""scaled_dot_product_attention: PyTorch 2.13's numbers and messages; gradients against finite differences."""
import pytest

import rushlight as torch
from rushlight.nn.functional import scaled_dot_product_attention as attention

# manual_seed(0), three times randn(1, 2, 2, 3)
torch.manual_seed(0)
Q, K, V = (torch.randn(1, 2, 2, 3) for _ in range(3))


@pytest.mark.parametrize("options, expected", [
    ({}, [-0.14239, 0.82694, -1.09594, -0.34834, 0.55778, -0.97611, 0.53859, -2.06191, 0.24739, 0.52361, -1.4994, 0.20581]),
    ({"is_causal": True}, [0.19187, 1.26379, -1.29044, -0.34834, 0.55778, -0.97611, 0.51864, -1.31252, 0.192, 0.52361, -1.4994, 0.20581]),
    ({"attn_mask": torch.tensor([[True, False], [True, True]])},
     [0.19187, 1.26379, -1.29044, -0.34834, 0.55778, -0.97611, 0.51864, -1.31252, 0.192, 0.52361, -1.4994, 0.20581]),
    ({"attn_mask": torch.tensor([[0.0, 1.0], [2.0, -1.0]]), "scale": 0.5},
     [-0.40269, 0.48675, -0.94448, 0.13698, 1.19205, -1.25849, 0.54068, -2.14018, 0.25317, 0.519, -1.32635, 0.19302]),
])
def test_numbers_are_pytorchs(options, expected):
    assert attention(Q, K, V, **options).flatten().tolist() == pytest.approx(expected, abs=2e-5)


def test_dropout_drops_what_pytorch_drops():
    torch.manual_seed(1)
    assert attention(Q, K, V, dropout_p=0.5).flatten().tolist() == pytest.approx(
        [-0.28478, 1.65389, -2.19189, -0.69668, 1.11557, -1.95222, 0.89764, -3.66942, 0.42831, 0.82338, -2.08375, 0.30481], abs=2e-5)


def test_a_query_that_may_look_nowhere_gives_zeros():
    mask = torch.tensor([[False, False], [True, False]])
    out = attention(Q, K, V, attn_mask=mask)
    assert (out[:, :, 0] == 0).all()
    torch.testing.assert_close(out[:, :, 1], V[:, :, 0])


def test_few_heads_of_keys_serve_many_of_queries():
    out = attention(Q, K[:, :1], V[:, :1], enable_gqa=True)
    torch.testing.assert_close(out, attention(Q, K[:, :1].expand(1, 2, 2, 3), V[:, :1].expand(1, 2, 2, 3)))


@pytest.mark.parametrize("options", [{}, {"is_causal": True}, {"attn_mask": True, "scale": 0.7}])
def test_gradients_and_their_gradients(options):
    torch.manual_seed(5)
    tensors = [torch.randn(2, 3, 2, dtype=torch.float64).requires_grad_() for _ in range(3)]
    if "attn_mask" in options:
        tensors.append(torch.randn(3, 3, dtype=torch.float64).requires_grad_())
    rest = {name: value for name, value in options.items() if name != "attn_mask"}
    assert torch.autograd.gradcheck(lambda *args: attention(*args, **rest), tensors)
    assert torch.autograd.gradgradcheck(lambda *args: attention(*args, **rest), tensors)


def test_half_precision_stays_half_precision():
    out = attention(*(t.to(torch.bfloat16) for t in (Q, K, V)))
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.float(), attention(Q, K, V), atol=0.02, rtol=0.02)


@pytest.mark.parametrize("call, error, message", [
    (lambda: attention(3, K, V), TypeError, "scaled_dot_product_attention(): argument 'query' (position 1) must be Tensor, not int"),
    (lambda: attention(Q[0, 0, 0], K[0, 0, 0], V[0, 0, 0]), RuntimeError, "Expected query, key, and value to all be  at least 2 dimensional, but "
     "got query.dim: 1 key.dim: 1 and value.dim: 1 instead."),
    (lambda: attention(Q.double(), K, V), RuntimeError, "Expected query, key, and value to have the same dtype, but got query.dtype: double "
     "key.dtype: float and value.dtype: float instead."),
    (lambda: attention(Q, K[..., :2], V), RuntimeError, "Expected size for first two dimensions of batch2 tensor to be: [2, 3] but got: [2, 2]."),
    (lambda: attention(torch.zeros(2, 3, 4, 5), torch.zeros(2, 2, 4, 5), torch.zeros(2, 2, 4, 5)), RuntimeError,
     "The size of tensor a (3) must match the size of tensor b (2) at non-singleton dimension 1"),
    (lambda: attention(torch.zeros(2, 3, 4, 5), torch.zeros(2, 2, 4, 5), torch.zeros(2, 2, 4, 5), enable_gqa=True), RuntimeError,
     "Number of heads in key and value must divide the number of heads in "),
    (lambda: attention(Q, K, V, dropout_p=2.0), RuntimeError, "dropout probability has to be between 0 and 1, but got 2"),
    (lambda: attention(Q, K, V, attn_mask=torch.zeros(2, 2, dtype=torch.int32)), RuntimeError, "Expected attn_mask dtype to be bool or float or to "
     "match query dtype, but got attn_mask.dtype: int and  query.dtype: float instead."),
    (lambda: attention(Q.int(), K.int(), V.int()), RuntimeError, "expected scalar type Float but found Int"),
])
def test_what_does_not_go_together_is_pytorchs_error(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert type(caught.value) is error and str(caught.value).split("\n")[0] == message
