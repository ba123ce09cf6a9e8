"""Rushlight: PyTorch's interface in readable Python, on NumPy for the CPU and CuPy for the GPU.

Names load on first use: the table below says which file defines each.
"""
from __future__ import annotations

import importlib
import warnings
from math import e, inf, nan, pi
from typing import Any

from .backends.heap import keep_freed_memory as _keep_freed_memory
from .core import dtypes as _dtypes
from .core.device import device
from .core.dtypes import (
    bfloat16,
    complex64,
    complex128,
    dtype,
    float16,
    float32,
    float64,
    get_default_dtype,
    int8,
    int16,
    int32,
    int64,
    promote_types,
    set_default_dtype,
    uint8,
    uint16,
    uint32,
    uint64,
)
from .core.grad_mode import enable_grad, inference_mode, is_grad_enabled, is_inference_mode_enabled, no_grad, set_grad_enabled
from .core.layout import channels_last, channels_last_3d, contiguous_format, layout, memory_format, preserve_format, sparse_coo, strided
from .core.size import Size
from .tensor import Tensor
from .torch_alias import install_as_torch, missing, submodule
from .version import __version__

# NumPy warns of a division by zero or an overflow in our operations, where PyTorch gives inf and nan without a word.
warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"rushlight\.")

_keep_freed_memory()

# Importing Tensor put its module where the function `tensor` belongs.
del globals()["tensor"]

newaxis = None
bool = _dtypes.bool_
globals().update(_dtypes.ALIASES)

#: the public functions, by the file in `ops` that defines them
FUNCTIONS = {
    "arithmetic": """add sub subtract mul multiply div divide true_divide floor_divide remainder fmod neg negative rsub
        eq ne lt le gt ge not_equal less less_equal greater greater_equal""",
    "power": "pow square float_power",
    "exponential": "exp exp2 expm1 log log2 log10 log1p sqrt rsqrt reciprocal sigmoid logit logaddexp logaddexp2 xlogy",
    "trigonometry": """sin cos tan asin arcsin acos arccos atan arctan atan2 arctan2 sinh cosh tanh asinh arcsinh acosh arccosh
        atanh arctanh hypot sinc deg2rad rad2deg""",
    "rounding": """abs absolute sign sgn signbit copysign floor ceil trunc fix frac round positive heaviside nextafter ldexp frexp
        nan_to_num""",
    "choose": "where maximum minimum fmax fmin clamp clip clamp_min clamp_max lerp addcmul addcdiv",
    "logic": """logical_and logical_or logical_xor logical_not bitwise_and bitwise_or bitwise_xor bitwise_not
        bitwise_left_shift bitwise_right_shift gcd lcm isnan isinf isfinite isposinf isneginf isreal isclose allclose equal""",
    "complex_numbers": """complex polar conj conj_physical resolve_conj resolve_neg is_conj is_neg real imag view_as_real
        view_as_complex angle""",
    "softmax": "softmax log_softmax",
    "special": "erf erfc erfinv lgamma digamma polygamma mvlgamma igamma igammac i0",
    "reduce": "sum mean nansum nanmean prod logsumexp trace all any count_nonzero",
    "extremes": "max min amax amin aminmax argmax argmin",
    "variance": "var std var_mean std_mean",
    "norms": "norm dist renorm",
    "slopes": "gradient",
    "cumulative": "cumsum cumprod cummax cummin logcumsumexp diff trapezoid trapz cumulative_trapezoid",
    "sort": """sort argsort msort topk kthvalue unique unique_consecutive searchsorted bucketize isin nonzero argwhere
        nonzero_static""",
    "quantile": "median nanmedian mode quantile nanquantile",
    "histogram": "bincount histc histogram histogramdd",
    "views": """reshape flatten unflatten ravel squeeze unsqueeze broadcast_to broadcast_tensors broadcast_shapes
        atleast_1d atleast_2d atleast_3d""",
    "reorder": "transpose swapaxes swapdims t permute movedim moveaxis adjoint",
    "regions": "narrow narrow_copy select diagonal diag diag_embed diagflat",
    "index_put": "index_put index_put_",
    "gather": "gather take_along_dim scatter scatter_add scatter_reduce index_reduce",
    "index_rows": "index_select index_add index_copy index_fill take put",
    "masks": "masked_fill masked_select masked_scatter tril triu",
    "pieces": "split split_with_sizes chunk unbind tensor_split hsplit vsplit dsplit unsafe_split unsafe_split_with_sizes unsafe_chunk",
    "rearrange": "flip fliplr flipud roll rot90 tile repeat_interleave block_diag meshgrid cartesian_prod combinations",
    "memory": "as_strided as_strided_ resize_ resize_as_",
    "view_copies": """select_scatter slice_scatter diagonal_scatter as_strided_scatter alias_copy as_strided_copy detach_copy diagonal_copy
        expand_copy permute_copy select_copy slice_copy split_copy split_with_sizes_copy squeeze_copy t_copy transpose_copy unbind_copy
        unfold_copy unsqueeze_copy view_copy view_as_real_copy view_as_complex_copy""",
    "queries": """is_tensor is_storage numel is_floating_point is_complex is_signed is_inference get_device is_nonzero is_same_size
        result_type can_cast unravel_index""",
    "join": "cat concat concatenate stack hstack vstack row_stack dstack column_stack",
    "copying": "clone detach detach_ fill fill_ zero_",
    "matmul": """mm bmm mv dot vdot matmul outer ger inner addmm addmv addr baddbmm addbmm bilinear chain_matmul kron tensordot einsum""",
    "linalg_old": """cholesky cholesky_inverse cholesky_solve cross det inverse logdet lu lu_solve pinverse qr slogdet svd
        triangular_solve""",
    "linalg_lu": "lu_unpack",
    "linalg_lowrank": "svd_lowrank pca_lowrank",
    "removed": "lstsq eig symeig solve matrix_rank",
    "plain_forms": """batch_norm instance_norm grid_sampler grid_sampler_2d grid_sampler_3d affine_grid_generator embedding constant_pad_nd
        pixel_shuffle pixel_unshuffle channel_shuffle binary_cross_entropy_with_logits cosine_embedding_loss hinge_embedding_loss
        margin_ranking_loss triplet_margin_loss poisson_nll_loss kl_div ctc_loss""",
    "linalg_product": "matrix_power matrix_exp",
    "linalg_reflect": "geqrf orgqr ormqr",
    "statistics": "cov corrcoef",
    "window_functions": "hann_window hamming_window blackman_window bartlett_window kaiser_window",
    "spectrogram": "stft istft",
    "activation": "relu relu_ prelu threshold threshold_ hardshrink",
    "smooth": "selu selu_ celu celu_",
    "conv": "conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d",
    "pool": "max_pool1d max_pool2d max_pool3d max_pool1d_with_indices avg_pool1d",
    "pool_adaptive": "adaptive_avg_pool1d adaptive_max_pool1d",
    "norm": "layer_norm group_norm rms_norm",
    "distance": "cdist pdist pairwise_distance cosine_similarity",
    "random": """rand rand_like randn randn_like randint randint_like randperm normal bernoulli multinomial poisson binomial""",
    "random_gamma": "_standard_gamma _standard_gamma_grad",
    "dropout": """dropout dropout_ feature_dropout feature_dropout_ alpha_dropout alpha_dropout_ feature_alpha_dropout
        feature_alpha_dropout_ native_dropout rrelu rrelu_""",
    "rnn": "lstm gru rnn_tanh rnn_relu lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell",
    "rnn_packing": "_pack_padded_sequence _pad_packed_sequence",
    "create": """tensor zeros ones empty full empty_strided empty_permuted zeros_like ones_like empty_like full_like eye scalar_tensor vander
        tril_indices triu_indices""",
    "counted": "arange range linspace logspace",
    "exchange": "from_numpy frombuffer from_dlpack to_dlpack as_tensor asarray",
}
#: functions that take `out=` in their own way, or not at all
OWN_OUT = {"activation", "linalg_lowrank", "removed", "plain_forms", "smooth", "conv", "pool", "pool_adaptive", "norm", "distance",
           "create", "counted", "exchange", "views", "copying", "rnn", "rnn_packing", "reorder", "regions", "pieces", "memory", "queries",
           "random", "random_gamma", "dropout", "window_functions", "spectrogram"}

#: methods that PyTorch offers as functions too
METHOD_FUNCTIONS = """abs_ acos_ acosh_ addmv_ arccos_ arccosh_ arcsin_ arcsinh_ arctan_ arctanh_ asin_ asinh_ atan_ atanh_ ceil_
    clamp_ clamp_max_ clamp_min_ clip_ conj_physical_ cos_ cosh_ deg2rad_ detach_ erf_ erfc_ exp2_ exp_ expm1_ fill_ fix_ floor_
    frac_ gcd_ i0_ lcm_ ldexp_ log10_ log1p_ log2_ log_ logit_ nan_to_num_ neg_ negative_ rad2deg_ reciprocal_ round_ rsqrt_
    sigmoid_ sin_ sinc_ sinh_ sqrt_ square_ tan_ tanh_ trunc_ xlogy_ zero_""".split()

#: subpackages and modules
MODULES = """autograd nn optim utils random multiprocessing cuda linalg fft signal special testing func distributions backends version amp hub
    compiler distributed models return_types serialization _C _dynamo""".split()

#: other names, by module
OTHERS: dict[str, str] = {
    "printing": "set_printoptions",
    "random": "manual_seed seed initial_seed get_rng_state set_rng_state default_generator",
    "core.generator": "Generator",
    "names": "typename",
    "settings": """get_num_threads set_num_threads get_num_interop_threads set_num_interop_threads get_float32_matmul_precision
        set_float32_matmul_precision use_deterministic_algorithms are_deterministic_algorithms_enabled set_flush_denormal
        is_deterministic_algorithms_warn_only_enabled set_warn_always is_warn_always_enabled""",
    "core.device": "get_default_device set_default_device",
    "core.limits": "finfo iinfo",
    "tensor_types": """set_default_tensor_type BoolTensor ByteTensor CharTensor ShortTensor IntTensor LongTensor HalfTensor BFloat16Tensor
        FloatTensor DoubleTensor ComplexFloatTensor ComplexDoubleTensor""",
    "serialization": "save load",
    "compiler": "compile",
    "storage": """Storage UntypedStorage TypedStorage BoolStorage ByteStorage CharStorage ShortStorage IntStorage LongStorage HalfStorage
        BFloat16Storage FloatStorage DoubleStorage ComplexFloatStorage ComplexDoubleStorage""",
}

_HOME = {name: "ops." + module for module, names in FUNCTIONS.items() for name in names.split()}
_HOME.update({name: module for module, names in OTHERS.items() for name in names.split()})


def __getattr__(name: str) -> Any:
    """A public name, loaded on first use (PEP 562)."""
    if name in _HOME:
        home = importlib.import_module("." + _HOME[name], __name__)
        value = getattr(home, name)
        if _HOME[name].startswith("ops.") and _HOME[name][4:] not in OWN_OUT:
            from .core.out import accepts_out
            value = accepts_out(value, __name__, name)
    elif name in METHOD_FUNCTIONS:
        value = getattr(Tensor, name)
    elif name in MODULES:
        value = submodule(__name__, name)
    else:
        raise missing(__name__, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *METHOD_FUNCTIONS, *MODULES})
