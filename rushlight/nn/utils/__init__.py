"""What is done to the parameters of modules: clipping gradients, vectors, weight and spectral norm, parametrizations, pruning."""
from __future__ import annotations

from rushlight.torch_alias import module_getattr

# Not lazily: the functions have the names of their files, which would otherwise be found in their place.
from .spectral_norm import remove_spectral_norm, spectral_norm
from .weight_norm import remove_weight_norm, weight_norm

#: the other public names, by the file that defines them
NAMES = {
    "clip_grad": "clip_grad_norm clip_grad_norm_ clip_grads_with_norm_ clip_grad_value_ get_total_norm",
    "convert_parameters": "parameters_to_vector vector_to_parameters",
    "init": "skip_init",
}
MODULES = "parametrizations parametrize prune rnn stateless".split()

__all__ = ["parametrizations", "parametrize", "remove_spectral_norm", "remove_weight_norm", "rnn", "spectral_norm", "stateless", "weight_norm",
           *(name for names in NAMES.values() for name in names.split())]

__getattr__ = module_getattr(__name__, {**dict(zip(MODULES, MODULES)), **{name: home for home, names in NAMES.items() for name in names.split()}})
