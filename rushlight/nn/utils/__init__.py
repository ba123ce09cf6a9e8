"""What is done to the parameters of modules: clipping gradients, vectors, weight and spectral norm, parametrizations, pruning."""
from __future__ import annotations

from rushlight.torch_alias import module_getattr

#: every public name, by the file that defines it
NAMES = {
    "clip_grad": "clip_grad_norm clip_grad_norm_ clip_grads_with_norm_ clip_grad_value_ get_total_norm",
    "convert_parameters": "parameters_to_vector vector_to_parameters",
    "init": "skip_init",
    "spectral_norm": "spectral_norm remove_spectral_norm",
    "weight_norm": "weight_norm remove_weight_norm",
}
MODULES = "parametrizations parametrize prune stateless".split()

#: `torch.nn.modules.utils` is served by this folder as well
TUPLES = "_ntuple _single _pair _triple _quadruple _reverse_repeat_tuple"

__all__ = [*(name for names in NAMES.values() for name in names.split()), "parametrizations", "parametrize", "stateless"]

__getattr__ = module_getattr(__name__, {**dict(zip(MODULES, MODULES)), **{name: "tuples" for name in TUPLES.split()},
                                  **{name: home for home, names in NAMES.items() for name in names.split()}})
