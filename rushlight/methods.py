"""Which operation each method of Tensor is: a plain list, by the file in `ops` that defines it.

A method loads its file on first use. A name that ends in "_" and that the file does not define is the in-place form of the name
without it.
"""
from __future__ import annotations

import importlib
from typing import Any

from .core.calls import with_numpy_names
from .core.inplace import inplace

METHODS = {
    ".autograd.tensor_methods": "backward",
    "arithmetic": """add add_ sub sub_ subtract subtract_ mul mul_ multiply multiply_ div div_ divide divide_ true_divide true_divide_
        floor_divide floor_divide_ remainder remainder_ fmod fmod_ neg neg_ negative negative_
        eq eq_ ne ne_ lt lt_ le le_ gt gt_ ge ge_ not_equal not_equal_ less less_ less_equal less_equal_ greater greater_
        greater_equal greater_equal_""",
    "power": "pow pow_ square square_ float_power float_power_ __rpow__",
    "exponential": """exp exp_ exp2 exp2_ expm1 expm1_ log log_ log2 log2_ log10 log10_ log1p log1p_ sqrt sqrt_ rsqrt rsqrt_
        reciprocal reciprocal_ sigmoid sigmoid_ logit logit_ logaddexp logaddexp2 xlogy xlogy_""",
    "trigonometry": """sin sin_ cos cos_ tan tan_ asin asin_ arcsin arcsin_ acos acos_ arccos arccos_ atan atan_ arctan arctan_
        atan2 atan2_ arctan2 arctan2_ sinh sinh_ cosh cosh_ tanh tanh_ asinh asinh_ arcsinh arcsinh_ acosh acosh_ arccosh arccosh_
        atanh atanh_ arctanh arctanh_ hypot hypot_ sinc sinc_ deg2rad deg2rad_ rad2deg rad2deg_""",
    "rounding": """abs abs_ absolute absolute_ sign sign_ sgn sgn_ signbit copysign copysign_ floor floor_ ceil ceil_ trunc trunc_
        fix fix_ frac frac_ round round_ positive heaviside heaviside_ nextafter nextafter_ ldexp ldexp_ frexp nan_to_num
        nan_to_num_""",
    "choose": """maximum minimum fmax fmin clamp clamp_ clip clip_ clamp_min clamp_min_ clamp_max clamp_max_ lerp lerp_
        addcmul addcmul_ addcdiv addcdiv_""",
    "method_forms": "polygamma polygamma_ where",
    "logic": """logical_and logical_and_ logical_or logical_or_ logical_xor logical_xor_ logical_not logical_not_
        bitwise_and bitwise_and_ bitwise_or bitwise_or_ bitwise_xor bitwise_xor_ bitwise_not bitwise_not_
        bitwise_left_shift bitwise_left_shift_ bitwise_right_shift bitwise_right_shift_ gcd gcd_ lcm lcm_ isnan isinf isfinite
        isposinf isneginf isreal isclose allclose equal""",
    "complex_numbers": "conj conj_physical conj_physical_ resolve_conj resolve_neg is_conj is_neg angle",
    "softmax": "softmax log_softmax",
    "special": """erf erf_ erfc erfc_ erfinv erfinv_ lgamma lgamma_ digamma digamma_ mvlgamma mvlgamma_
        igamma igamma_ igammac igammac_ i0 i0_""",
    "reduce": "sum mean nansum nanmean prod logsumexp trace all any count_nonzero sum_to_size",
    "extremes": "max min amax amin aminmax argmax argmin",
    "variance": "var std",
    "norms": "norm dist renorm renorm_",
    "cumulative": "cumsum cumsum_ cumprod cumprod_ cummax cummin logcumsumexp diff",
    "sort": "sort argsort msort topk kthvalue unique unique_consecutive nonzero argwhere nonzero_static",
    "quantile": "median nanmedian mode quantile nanquantile",
    "histogram": "bincount histc histogram",
    "views": """view view_as reshape reshape_as flatten unflatten ravel squeeze squeeze_ unsqueeze unsqueeze_ expand expand_as broadcast_to""",
    "reorder": "transpose transpose_ swapaxes swapaxes_ swapdims swapdims_ t t_ permute movedim moveaxis adjoint",
    "indexing": "__getitem__",
    "index_put": "__setitem__ index_put index_put_",
    "gather": "gather take_along_dim scatter scatter_ scatter_add scatter_add_ scatter_reduce scatter_reduce_ index_reduce index_reduce_",
    "index_rows": "index_select index_add index_add_ index_copy index_copy_ index_fill index_fill_ take put put_",
    "masks": "masked_fill masked_fill_ masked_select masked_scatter masked_scatter_ tril tril_ triu triu_",
    "pieces": "split split_with_sizes chunk unbind tensor_split hsplit vsplit dsplit unsafe_split unsafe_split_with_sizes unsafe_chunk",
    "rearrange": "flip fliplr flipud roll rot90 repeat tile repeat_interleave",
    "memory": """stride storage_offset data_ptr untyped_storage storage storage_type is_set_to as_strided as_strided_ fill_diagonal_ resize_
        resize_as_ resize resize_as set_ is_pinned pin_memory is_shared share_memory_""",
    "view_copies": "select_scatter slice_scatter diagonal_scatter as_strided_scatter",
    "queries": "is_nonzero is_same_size dim_order apply_ map_ map2_",
    ".tensor_types": "type new as_subclass",
    "regions": "narrow narrow_copy select diagonal diag diag_embed diagflat unfold",
    "copying": """clone contiguous is_contiguous to type_as float double half bfloat16 int long short char byte bool cfloat cdouble
        cpu cuda copy_ fill_ zero_""",
    "matmul": """mm bmm mv dot vdot matmul outer ger inner addmm addmm_ addmv addmv_ addr addr_ baddbmm baddbmm_ addbmm addbmm_ kron""",
    "linalg_old": """cholesky cholesky_inverse cholesky_solve cross det inverse logdet lu lu_solve pinverse qr slogdet svd
        triangular_solve""",
    "linalg_product": "matrix_power matrix_exp",
    "removed": "lstsq eig symeig solve",
    "linalg_reflect": "geqrf orgqr ormqr",
    "statistics": "cov corrcoef",
    "spectrogram": "stft istft",
    "activation": "relu relu_ prelu hardshrink",
    "random": "bernoulli multinomial",
    "random_fill": "uniform_ normal_ random_ bernoulli_ exponential_ geometric_ cauchy_ log_normal_",
    "create": "new_zeros new_ones new_empty new_full new_empty_strided new_tensor",
    "exchange": "__dlpack__ __dlpack_device__",
}


#: attributes that are computed: functions of the tensor alone, by file
PROPERTIES = {
    "reorder": "T mT H mH",
    "complex_numbers": "real imag",
}


class Late:
    """A method that is looked up in its file when it is first used, on the class or on a tensor."""

    __slots__ = ("module", "name")

    def __init__(self, module: str, name: str):
        self.module = module
        self.name = name

    def __get__(self, instance: Any, owner: Any) -> Any:
        method = find(self.module, self.name)
        for cls in owner.__mro__:
            if cls.__dict__.get(self.name) is self:
                setattr(cls, self.name, method)
        return getattr(owner if instance is None else instance, self.name)


class LateProperty:
    """A property whose function is looked up in its file when it is first used."""

    __slots__ = ("module", "name")

    def __init__(self, module: str, name: str):
        self.module = module
        self.name = name

    def __get__(self, instance: Any, owner: Any) -> Any:
        getter = property(find(self.module, self.name))
        for cls in owner.__mro__:
            if cls.__dict__.get(self.name) is self:
                setattr(cls, self.name, getter)
        return getattr(owner if instance is None else instance, self.name)


def find(module: str, name: str) -> Any:
    """The function that a method is."""
    home = importlib.import_module(module if module.startswith(".") else ".ops." + module, "rushlight")
    made = name.endswith("_") and not hasattr(home, name)
    method = inplace(getattr(home, name[:-1]), name) if made else with_numpy_names(getattr(home, name))
    if method is not getattr(home, name, None):  # pickle does not find it in the file
        method.__module__, method.__qualname__ = "rushlight", "Tensor." + name
    return method


def install(cls: type) -> None:
    """Give a class all methods of the list."""
    for module, names in METHODS.items():
        for name in names.split():
            setattr(cls, name, Late(module, name))
    for module, names in PROPERTIES.items():
        for name in names.split():
            setattr(cls, name, LateProperty(module, name))
