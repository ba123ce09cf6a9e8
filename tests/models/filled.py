"""A state for a model that any library can make: cosines of the places of the numbers, of a size that keeps the outputs of order 1."""
import math

import numpy as np

import rushlight as torch


def fill(shapes):
    """{name: tensor}, for {name: shape}."""
    return {name: torch.from_numpy(values(name, shape, number)) for number, (name, shape) in enumerate(shapes.items())}


def values(name, shape, number):
    if name.endswith("num_batches_tracked"):
        return np.array(0)
    wave = np.cos(np.arange(math.prod(shape)) * 0.37 + number * 1.7)
    if name.endswith("running_var") or len(shape) == 1 and name.endswith("weight"):
        wave = 1 + 0.1 * wave
    else:
        wave *= math.sqrt(2 / math.prod(shape[1:])) if len(shape) > 1 else 0.1
    return wave.reshape(shape).astype(np.float32)


def shapes(model):
    return {name: tuple(value.shape) for name, value in model.state_dict().items()}
