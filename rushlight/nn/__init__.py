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
        LeakyReLU LogSigmoid Softplus Softshrink PReLU Softsign Tanhshrink Softmin Softmax Softmax2d LogSoftmax MultiheadAttention""",
    "loss": """L1Loss NLLLoss NLLLoss2d KLDivLoss MSELoss BCELoss BCEWithLogitsLoss CosineEmbeddingLoss CTCLoss GaussianNLLLoss
        HingeEmbeddingLoss HuberLoss MarginRankingLoss CrossEntropyLoss LinearCrossEntropyLoss MultiLabelMarginLoss
        MultiLabelSoftMarginLoss MultiMarginLoss PoissonNLLLoss SmoothL1Loss SoftMarginLoss TripletMarginLoss
        TripletMarginWithDistanceLoss""",
    "linear_cross_entropy_options": "LinearCrossEntropyOptions",
    "distance": "CosineSimilarity PairwiseDistance",
    "padding": """CircularPad1d CircularPad2d CircularPad3d ConstantPad1d ConstantPad2d ConstantPad3d ReflectionPad1d ReflectionPad2d
        ReflectionPad3d ReplicationPad1d ReplicationPad2d ReplicationPad3d ZeroPad1d ZeroPad2d ZeroPad3d""",
    "normalization": "LayerNorm RMSNorm GroupNorm LocalResponseNorm CrossMapLRN2d",
    "batchnorm": "BatchNorm1d BatchNorm2d BatchNorm3d SyncBatchNorm LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d",
    "instancenorm": "InstanceNorm1d InstanceNorm2d InstanceNorm3d LazyInstanceNorm1d LazyInstanceNorm2d LazyInstanceNorm3d",
    "conv": """Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d LazyConv1d LazyConv2d LazyConv3d LazyConvTranspose1d
        LazyConvTranspose2d LazyConvTranspose3d""",
    "pooling": """MaxPool1d MaxPool2d MaxPool3d MaxUnpool1d MaxUnpool2d MaxUnpool3d AvgPool1d AvgPool2d AvgPool3d FractionalMaxPool2d
        FractionalMaxPool3d LPPool1d LPPool2d LPPool3d AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d
        AdaptiveMaxPool2d AdaptiveMaxPool3d""",
    "pixelshuffle": "PixelShuffle PixelUnshuffle",
    "channelshuffle": "ChannelShuffle",
    "fold": "Fold Unfold",
    "upsampling": "Upsample UpsamplingNearest2d UpsamplingBilinear2d",
    "adaptive": "AdaptiveLogSoftmaxWithLoss",
    "rnn": "RNNBase RNN LSTM GRU RNNCellBase RNNCell LSTMCell GRUCell",
    "transformer": "Transformer TransformerEncoder TransformerEncoderLayer TransformerDecoder TransformerDecoderLayer",
}

#: files that are part of the interface themselves
MODULES = (*NAMES, "functional", "init", "lazy", "utils")

__all__ = [name for names in NAMES.values() for name in names.split()]

__getattr__ = module_getattr(__name__, {**dict(zip(MODULES, MODULES)), **{name: home for home, names in NAMES.items() for name in names.split()}})

#: `torch.nn.modules.linear.Linear` and the like: one folder serves both paths
modules = sys.modules[__name__]


def __dir__() -> list[str]:
    return sorted({*__all__, *MODULES, "modules", *globals()})
