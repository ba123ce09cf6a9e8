"""The methods of Tensor that are autograd's."""
from __future__ import annotations

from typing import Any

import numpy as np

from ..core import engine, recording
from ..core.inplace import fresh_node
from ..core.wrap import wrap
from . import backward as backward_of_many, warn_of_cycle


def backward(self: Any, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False, inputs: Any = None) -> None:
    """Add d self / d leaf, weighted by `gradient`, to the `.grad` of every leaf, or of `inputs` alone."""
    if create_graph:
        warn_of_cycle()
    array = self._array
    if gradient is None and inputs is None and not create_graph and array.size == 1 and array.dtype.kind == "f":  # the short way, for a loss
        node = self._node if self._base is None else fresh_node(self)
        if node is not None:
            one = np.array(1, array.dtype)
            engine.run([node], [recording.constant(wrap(one.reshape(array.shape) if array.ndim else one))], bool(retain_graph), False)
            return
    backward_of_many(self, gradient, retain_graph, create_graph, inputs=inputs)
