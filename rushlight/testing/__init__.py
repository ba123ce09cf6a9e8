"""Tools for tests: is this result close to that one, and random tensors to try an operation on."""

from .comparison import assert_allclose as assert_allclose, assert_close as assert_close
from .creation import make_tensor as make_tensor
