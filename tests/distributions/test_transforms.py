"""Transforms: their inverses, and how they stretch space."""
import pytest

import rushlight as torch
from rushlight.distributions import biject_to, constraints, transform_to, transforms as T

X = torch.tensor([[0.3, 1.2, 2.0], [0.1, 0.2, 0.3]], dtype=torch.float64)
ELEMENTWISE = [T.ExpTransform(), T.SigmoidTransform(), T.TanhTransform(), T.SoftplusTransform(), T.AffineTransform(1.0, -2.0), T.PowerTransform(2.0),
               T.ComposeTransform([T.ExpTransform(), T.AffineTransform(0.0, 3.0)])]


@pytest.mark.parametrize("transform", ELEMENTWISE, ids=repr)
def test_stretching_is_the_slope_and_the_inverse_undoes(transform):
    x = X.clone().requires_grad_()
    y = transform(x)
    slope, = torch.autograd.grad(y.sum(), x)
    assert torch.allclose(transform.log_abs_det_jacobian(x, y), slope.abs().log())
    assert torch.allclose(transform.inv(y), x) and torch.allclose(transform.inv.log_abs_det_jacobian(y, x), -slope.abs().log())
    assert transform.inv.inv == transform and transform.codomain.check(y).all()
    assert bool(((slope > 0) == (torch.as_tensor(transform.sign) > 0)).all())


def test_stick_breaking_stretches_by_its_determinant():
    transform = T.StickBreakingTransform()
    y = transform(X[0])
    jacobian = torch.autograd.functional.jacobian(lambda x: transform(x)[:-1], X[0])
    assert torch.allclose(transform.log_abs_det_jacobian(X[0], y), torch.linalg.slogdet(jacobian).logabsdet)
    assert torch.allclose(transform.inv(y), X[0]) and constraints.simplex.check(y) and transform.forward_shape((5, 3)) == (5, 4)


def test_cached_transform_remembers_its_last_pair():
    cached = T.TanhTransform(cache_size=1)
    x = torch.tensor([30.0])  # tanh is 1 there, and its inverse infinite
    assert cached.inv(cached(x)) is x and T.TanhTransform().inv(T.TanhTransform()(x)).isinf()


def test_independent_transform_sums_the_stretching():
    exp = T.IndependentTransform(T.ExpTransform(), 1)
    assert torch.equal(exp.log_abs_det_jacobian(X, exp(X)), X.sum(-1)) and exp.event_dim == 1
    assert T.ReshapeTransform((3,), (3, 1))(X).shape == (2, 3, 1)


@pytest.mark.parametrize("constraint", [constraints.real, constraints.positive, constraints.unit_interval, constraints.interval(1.0, 3.0),
                                        constraints.greater_than(2.0), constraints.less_than(2.0), constraints.simplex,
                                        constraints.independent(constraints.positive, 1)], ids=repr)
def test_registries_reach_the_constraint(constraint):
    for registry in (biject_to, transform_to):
        transform = registry(constraint)
        assert constraint.check(transform(X)).all()
    assert torch.allclose(biject_to(constraint).inv(biject_to(constraint)(X)), X)


def test_constraint_without_a_transform_says_so():
    with pytest.raises(NotImplementedError, match="^Cannot transform _Boolean constraints$"):
        biject_to(constraints.boolean)
    assert transform_to(constraints.lower_cholesky)(torch.zeros(2, 2)).tolist() == [[1, 0], [0, 1]]
