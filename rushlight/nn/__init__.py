"""Neural networks: `Module`, `Parameter`, and the layers, each loaded when it is first used."""
from __future__ import annotations

import sys

from rushlight.torch_alias import module_getattr

#: every public name, by the file that defines it
NAMES = {
    "parameter": "Parameter Buffer UninitializedParameter UninitializedBuffer",
    "module": "Module",
    "container": "Container Sequential ModuleList ModuleDict ParameterList ParameterDict",
    "linear": "Identity Linear Bilinear LazyLinear",
    "flatten": "Flatten Unflatten",
    "sparse": "Embedding EmbeddingBag",
    "dropout": "Dropout Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout",
    "activation": """Threshold ReLU RReLU Hardtanh ReLU6 Sigmoid Hardsigmoid Tanh SiLU Mish Hardswish ELU CELU SELU GLU GELU Hardshrink
        LeakyReLU LogSigmoid Softplus Softshrink PReLU Softsign Tanhshrink Softmin Softmax Softmax2d LogSoftmax""",
    "loss": """L1Loss NLLLoss NLLLoss2d KLDivLoss MSELoss BCELoss BCEWithLogitsLoss CosineEmbeddingLoss CTCLoss GaussianNLLLoss
        HingeEmbeddingLoss HuberLoss MarginRankingLoss CrossEntropyLoss LinearCrossEntropyLoss MultiLabelMarginLoss
        MultiLabelSoftMarginLoss MultiMarginLoss PoissonNLLLoss SmoothL1Loss SoftMarginLoss TripletMarginLoss
        TripletMarginWithDistanceLoss""",
    "distance": "CosineSimilarity PairwiseDistance",
}

#: files that are part of the interface themselves
MODULES = (*NAMES, "functional", "init", "lazy", "utils")

__all__ = [name for names in NAMES.values() for name in names.split()]

__getattr__ = module_getattr(__name__, {**dict(zip(MODULES, MODULES)), **{name: home for home, names in NAMES.items() for name in names.split()}})

#: `torch.nn.modules.linear.Linear` and the like: one folder serves both paths
modules = sys.modules[__name__]


def __dir__() -> list[str]:
    return sorted({*__all__, *MODULES, "modules", *globals()})
