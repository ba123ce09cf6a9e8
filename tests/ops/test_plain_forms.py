"""torch's own names for the functions behind torch.nn.functional."""
import pytest

import rushlight as torch
import rushlight.nn.functional as F

X = torch.arange(24.0).reshape(2, 3, 4) / 7
GRID = F.affine_grid(torch.tensor([[[1.0, 0.2, 0.1], [0.0, 0.7, 0.3]]]), [1, 1, 2, 2], align_corners=False)
IMAGE = torch.arange(4.0).reshape(1, 1, 2, 2)
PAIR = (X[0], X[1] / 4)
SIGNS = torch.tensor([1.0, -1.0, 1.0])


@pytest.mark.parametrize(("ours", "same"), [
    (lambda: torch.batch_norm(X, None, None, torch.zeros(3), torch.ones(3), True, 0.1, 1e-5, True),
     lambda: F.batch_norm(X, None, None, training=True)),
    (lambda: torch.instance_norm(X, None, None, None, None, True, 0.1, 1e-5, False), lambda: F.instance_norm(X)),
    (lambda: torch.grid_sampler(IMAGE, GRID, 1, 1, True), lambda: F.grid_sample(IMAGE, GRID, "nearest", "border", True)),
    (lambda: torch.grid_sampler_2d(IMAGE, GRID, 0, 2, False), lambda: F.grid_sample(IMAGE, GRID, "bilinear", "reflection", False)),
    (lambda: torch.affine_grid_generator(torch.eye(2, 3)[None], (1, 1, 2, 2), False),
     lambda: F.affine_grid(torch.eye(2, 3)[None], [1, 1, 2, 2], False)),
    (lambda: torch.embedding(X[0], torch.tensor([2, 0])), lambda: X[0][[2, 0]]),
    (lambda: torch.constant_pad_nd(X, (1, 2), 5.0), lambda: F.pad(X, (1, 2), value=5.0)),
    (lambda: torch.pixel_shuffle(X.reshape(1, 4, 3, 2), 2), lambda: F.pixel_shuffle(X.reshape(1, 4, 3, 2), 2)),
    (lambda: torch.binary_cross_entropy_with_logits(*PAIR, None, None, 2), lambda: F.binary_cross_entropy_with_logits(*PAIR, reduction="sum")),
    (lambda: torch.cosine_embedding_loss(*PAIR, SIGNS, 0.1, 0), lambda: F.cosine_embedding_loss(*PAIR, SIGNS, 0.1, reduction="none")),
    (lambda: torch.hinge_embedding_loss(X[0, :, 0], SIGNS), lambda: F.hinge_embedding_loss(X[0, :, 0], SIGNS)),
    (lambda: torch.margin_ranking_loss(X[0, :, 0], X[1, :, 0], SIGNS, 0.5, 2), lambda: F.margin_ranking_loss(X[0, :, 0], X[1, :, 0], SIGNS, 0.5,
                                                                                                          reduction="sum")),
    (lambda: torch.triplet_margin_loss(X[0], X[1], X[0] * 2), lambda: F.triplet_margin_loss(X[0], X[1], X[0] * 2)),
    (lambda: torch.poisson_nll_loss(*PAIR, True, False, 1e-8, 1), lambda: F.poisson_nll_loss(*PAIR)),
    (lambda: torch.kl_div(*PAIR, 1), lambda: F.kl_div(*PAIR, reduction="none").mean()),
    (lambda: torch.ctc_loss(X.log_softmax(-1), torch.tensor([[1], [2], [1]]), [2, 2, 2], [1, 1, 1], 0, 2),
     lambda: F.ctc_loss(X.log_softmax(-1), torch.tensor([[1], [2], [1]]), [2, 2, 2], [1, 1, 1], reduction="sum")),
])
def test_plain_form_is_the_functional_one(ours, same):
    assert torch.equal(ours(), same())
