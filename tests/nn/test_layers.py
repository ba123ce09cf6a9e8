"""Every layer: its repr as PyTorch 2.13's, its state_dict keys, its constructor's errors."""
import pytest

import rushlight as torch
from rushlight import nn

REPRS = [
    ('nn.Threshold(1, 2)', 'Threshold(threshold=1, value=2)'),
    ('nn.Threshold(1, 2, True)', 'Threshold(threshold=1, value=2, inplace=True)'),
    ('nn.ReLU()', 'ReLU()'),
    ('nn.ReLU(True)', 'ReLU(inplace=True)'),
    ('nn.RReLU()', 'RReLU(lower=0.125, upper=0.3333333333333333)'),
    ('nn.RReLU(0.1, 0.2, True)', 'RReLU(lower=0.1, upper=0.2, inplace=True)'),
    ('nn.Hardtanh()', 'Hardtanh(min_val=-1.0, max_val=1.0)'),
    ('nn.Hardtanh(-2, 2, True)', 'Hardtanh(min_val=-2, max_val=2, inplace=True)'),
    ('nn.ReLU6()', 'ReLU6()'),
    ('nn.ReLU6(True)', 'ReLU6(inplace=True)'),
    ('nn.Sigmoid()', 'Sigmoid()'),
    ('nn.Hardsigmoid(True)', 'Hardsigmoid()'),
    ('nn.Tanh()', 'Tanh()'),
    ('nn.SiLU()', 'SiLU()'),
    ('nn.SiLU(True)', 'SiLU(inplace=True)'),
    ('nn.Mish(True)', 'Mish(inplace=True)'),
    ('nn.Hardswish(True)', 'Hardswish()'),
    ('nn.ELU()', 'ELU(alpha=1.0)'),
    ('nn.ELU(2, True)', 'ELU(alpha=2, inplace=True)'),
    ('nn.CELU()', 'CELU(alpha=1.0)'),
    ('nn.CELU(2, True)', 'CELU(alpha=2, inplace=True)'),
    ('nn.SELU(True)', 'SELU(inplace=True)'),
    ('nn.GLU()', 'GLU(dim=-1)'),
    ('nn.GELU()', "GELU(approximate='none')"),
    ("nn.GELU('tanh')", "GELU(approximate='tanh')"),
    ('nn.Hardshrink()', 'Hardshrink(0.5)'),
    ('nn.LeakyReLU()', 'LeakyReLU(negative_slope=0.01)'),
    ('nn.LeakyReLU(0.2, True)', 'LeakyReLU(negative_slope=0.2, inplace=True)'),
    ('nn.LogSigmoid()', 'LogSigmoid()'),
    ('nn.Softplus()', 'Softplus(beta=1.0, threshold=20.0)'),
    ('nn.Softshrink()', 'Softshrink(0.5)'),
    ('nn.PReLU(3, 0.1)', 'PReLU(num_parameters=3)'),
    ('nn.Softsign()', 'Softsign()'),
    ('nn.Tanhshrink()', 'Tanhshrink()'),
    ('nn.Softmin()', 'Softmin(dim=None)'),
    ('nn.Softmax(1)', 'Softmax(dim=1)'),
    ('nn.Softmax2d()', 'Softmax2d()'),
    ('nn.LogSoftmax(1)', 'LogSoftmax(dim=1)'),
    ('nn.MultiheadAttention(4, 2)',
     'MultiheadAttention(\n  (out_proj): NonDynamicallyQuantizableLinear(in_features=4, out_features=4, bias=True)\n)'),
    ('nn.Identity(3, a=4)', 'Identity()'),
    ('nn.Linear(2, 3, bias=False)', 'Linear(in_features=2, out_features=3, bias=False)'),
    ('nn.Bilinear(1, 2, 3)', 'Bilinear(in1_features=1, in2_features=2, out_features=3, bias=True)'),
    ('nn.Flatten()', 'Flatten(start_dim=1, end_dim=-1)'),
    ('nn.Flatten(0, 2)', 'Flatten(start_dim=0, end_dim=2)'),
    ('nn.Unflatten(1, (2, 3))', 'Unflatten(dim=1, unflattened_size=(2, 3))'),
    ('nn.Unflatten(1, [2, 3])', 'Unflatten(dim=1, unflattened_size=[2, 3])'),
    ('nn.Dropout()', 'Dropout(p=0.5, inplace=False)'),
    ('nn.AlphaDropout(0.2, True)', 'AlphaDropout(p=0.2, inplace=True)'),
    ('nn.FeatureAlphaDropout()', 'FeatureAlphaDropout(p=0.5, inplace=False)'),
    ('nn.Dropout1d(1)', 'Dropout1d(p=1, inplace=False)'),
    ('nn.Dropout2d(0)', 'Dropout2d(p=0, inplace=False)'),
    ('nn.Dropout3d()', 'Dropout3d(p=0.5, inplace=False)'),
    ('nn.Embedding(3, 4)', 'Embedding(3, 4)'),
    ('nn.Embedding(3, 4, -1, 1.0, 3.0, True, True)',
     'Embedding(3, 4, padding_idx=2, max_norm=1.0, norm_type=3.0, scale_grad_by_freq=True, sparse=True)'),
    ('nn.EmbeddingBag(3, 4)', "EmbeddingBag(3, 4, mode='mean')"),
    ("nn.EmbeddingBag(3, 4, 1.0, 3.0, True, 'sum', padding_idx=-1)",
     "EmbeddingBag(3, 4, max_norm=1.0, norm_type=3.0, scale_grad_by_freq=True, mode='sum', padding_idx=2)"),
    ('nn.CrossEntropyLoss()', 'CrossEntropyLoss()'),
    ("nn.MSELoss(reduction='sum')", 'MSELoss()'),
    ('nn.TripletMarginWithDistanceLoss()', 'TripletMarginWithDistanceLoss(\n  (distance_function): PairwiseDistance()\n)'),
    ('nn.LinearCrossEntropyLoss(5, 10, out_features=(2,), bias=True)',
     'LinearCrossEntropyLoss(\n  in_features=5, num_classes=10, out_features=(2,), bias=True, reduction=mean, ignore_index=None'
     ', label_smoothing=0.0, options=None\n  (linear): Linear(in_features=5, out_features=20, bias=True)\n)'),
    ('nn.LinearCrossEntropyOptions()',
     "LinearCrossEntropyOptions(allow_retain_graph=False, batch_chunk_size=None, chunking_method='auto', acc_policy='auto', ac"
     'c_dtype=None)'),
    ('nn.PairwiseDistance()', 'PairwiseDistance()'),
    ('nn.CosineSimilarity()', 'CosineSimilarity()'),
    ('nn.CircularPad1d(1)', 'CircularPad1d((1, 1))'),
    ('nn.ConstantPad2d(1, 3.5)', 'ConstantPad2d(padding=(1, 1, 1, 1), value=3.5)'),
    ('nn.ReflectionPad2d((1, 2, 3, 4))', 'ReflectionPad2d((1, 2, 3, 4))'),
    ('nn.ReplicationPad3d(1)', 'ReplicationPad3d((1, 1, 1, 1, 1, 1))'),
    ('nn.ZeroPad2d(1)', 'ZeroPad2d((1, 1, 1, 1))'),
    ('nn.LayerNorm(3)', 'LayerNorm((3,), eps=1e-05, elementwise_affine=True, bias=True)'),
    ('nn.LayerNorm((3, 4), eps=1, bias=False)', 'LayerNorm((3, 4), eps=1, elementwise_affine=True, bias=False)'),
    ('nn.LayerNorm([3], elementwise_affine=False)', 'LayerNorm((3,), eps=1e-05, elementwise_affine=False, bias=False)'),
    ('nn.RMSNorm(3)', 'RMSNorm((3,), eps=None, elementwise_affine=True)'),
    ('nn.GroupNorm(2, 4)', 'GroupNorm(2, 4, eps=1e-05, affine=True, bias=True)'),
    ('nn.GroupNorm(2, 4, affine=False)', 'GroupNorm(2, 4, eps=1e-05, affine=False, bias=False)'),
    ('nn.LocalResponseNorm(2)', 'LocalResponseNorm(2, alpha=0.0001, beta=0.75, k=1.0)'),
    ('nn.CrossMapLRN2d(2)', 'CrossMapLRN2d(2, alpha=0.0001, beta=0.75, k=1)'),
    ('nn.BatchNorm1d(3)', 'BatchNorm1d(3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)'),
    ('nn.BatchNorm2d(3, affine=False, momentum=None, track_running_stats=False)',
     'BatchNorm2d(3, eps=1e-05, momentum=None, affine=False, bias=False, track_running_stats=False)'),
    ('nn.BatchNorm3d(3, bias=False)', 'BatchNorm3d(3, eps=1e-05, momentum=0.1, affine=True, bias=False, track_running_stats=True)'),
    ('nn.InstanceNorm1d(3)', 'InstanceNorm1d(3, eps=1e-05, momentum=0.1, affine=False, bias=False, track_running_stats=False)'),
    ('nn.InstanceNorm3d(3, affine=True, track_running_stats=True)',
     'InstanceNorm3d(3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)'),
    ('nn.SyncBatchNorm(3)', 'SyncBatchNorm(3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)'),
    ('nn.Conv1d(2, 4, 3)', 'Conv1d(2, 4, kernel_size=(3,), stride=(1,))'),
    ("nn.Conv2d(2, 4, (3, 5), 2, (1, 2), 2, 2, False, 'circular')",
     'Conv2d(2, 4, kernel_size=(3, 5), stride=(2, 2), padding=(1, 2), dilation=(2, 2), groups=2, bias=False, padding_mode=circ'
     'ular)'),
    ("nn.Conv2d(2, 4, 3, padding='same')", 'Conv2d(2, 4, kernel_size=(3, 3), stride=(1, 1), padding=same)'),
    ('nn.Conv3d(2, 4, 3, padding=1)', 'Conv3d(2, 4, kernel_size=(3, 3, 3), stride=(1, 1, 1), padding=(1, 1, 1))'),
    ('nn.ConvTranspose1d(2, 4, 3)', 'ConvTranspose1d(2, 4, kernel_size=(3,), stride=(1,))'),
    ('nn.ConvTranspose2d(2, 4, 3, 2, 1, 1, 2, False, 2)',
     'ConvTranspose2d(2, 4, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), dilation=(2, 2), output_padding=(1, 1), groups='
     '2, bias=False)'),
    ('nn.MaxPool1d(2)', 'MaxPool1d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)'),
    ('nn.MaxPool2d(2, 3, 1, 2, True, True)', 'MaxPool2d(kernel_size=2, stride=3, padding=1, dilation=2, ceil_mode=True)'),
    ('nn.MaxUnpool2d(2)', 'MaxUnpool2d(kernel_size=(2, 2), stride=(2, 2), padding=(0, 0))'),
    ('nn.AvgPool1d(2)', 'AvgPool1d(kernel_size=(2,), stride=(2,), padding=(0,))'),
    ('nn.AvgPool2d((2, 3))', 'AvgPool2d(kernel_size=(2, 3), stride=(2, 3), padding=0)'),
    ('nn.AvgPool3d(2, 3, 1, True)', 'AvgPool3d(kernel_size=2, stride=3, padding=1)'),
    ('nn.FractionalMaxPool2d(3, 2)', 'FractionalMaxPool2d()'),
    ('nn.LPPool1d(2, 3)', 'LPPool1d(norm_type=2, kernel_size=3, stride=None, ceil_mode=False)'),
    ('nn.LPPool2d(2, 3, 2, True)', 'LPPool2d(norm_type=2, kernel_size=3, stride=2, ceil_mode=True)'),
    ('nn.AdaptiveAvgPool2d((None, 3))', 'AdaptiveAvgPool2d(output_size=(None, 3))'),
    ('nn.AdaptiveMaxPool1d(2)', 'AdaptiveMaxPool1d(output_size=2)'),
    ('nn.PixelShuffle(2)', 'PixelShuffle(upscale_factor=2)'),
    ('nn.PixelUnshuffle(2)', 'PixelUnshuffle(downscale_factor=2)'),
    ('nn.ChannelShuffle(2)', 'ChannelShuffle(groups=2)'),
    ('nn.Fold(2, 3)', 'Fold(output_size=2, kernel_size=3, dilation=1, padding=0, stride=1)'),
    ('nn.Unfold(2)', 'Unfold(kernel_size=2, dilation=1, padding=0, stride=1)'),
    ('nn.Upsample(2)', "Upsample(size=2, mode='nearest')"),
    ("nn.Upsample(scale_factor=(2, 3), mode='bilinear')", "Upsample(scale_factor=(2.0, 3.0), mode='bilinear')"),
    ('nn.UpsamplingNearest2d(scale_factor=2)', "UpsamplingNearest2d(scale_factor=2.0, mode='nearest')"),
    ('nn.UpsamplingBilinear2d(size=(2, 3))', "UpsamplingBilinear2d(size=(2, 3), mode='bilinear')"),
    ('nn.AdaptiveLogSoftmaxWithLoss(16, 10, [2, 5])',
     'AdaptiveLogSoftmaxWithLoss(\n  (head): Linear(in_features=16, out_features=4, bias=False)\n  (tail): ModuleList(\n    (0): '
     'Sequential(\n      (0): Linear(in_features=16, out_features=4, bias=False)\n      (1): Linear(in_features=4, out_features='
     '3, bias=False)\n    )\n    (1): Sequential(\n      (0): Linear(in_features=16, out_features=1, bias=False)\n      (1): Linea'
     'r(in_features=1, out_features=5, bias=False)\n    )\n  )\n)'),
]


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@pytest.mark.parametrize("code, text", REPRS, ids=[code for code, _ in REPRS])
def test_reprs_are_pytorchs(code, text):
    assert repr(eval(code, {"nn": nn})) == text


@pytest.mark.parametrize("make, keys", [
    (lambda: nn.Linear(2, 3), "weight bias"),
    (lambda: nn.Linear(2, 3, bias=False), "weight"),
    (lambda: nn.Conv2d(1, 2, 3), "weight bias"),
    (lambda: nn.LayerNorm(3, bias=False), "weight"),
    (lambda: nn.BatchNorm2d(3), "weight bias running_mean running_var num_batches_tracked"),
    (lambda: nn.BatchNorm1d(3, affine=False, track_running_stats=False), ""),
    (lambda: nn.InstanceNorm1d(3), ""),
    (lambda: nn.MultiheadAttention(4, 2), "in_proj_weight in_proj_bias out_proj.weight out_proj.bias"),
    (lambda: nn.MultiheadAttention(4, 2, kdim=3, vdim=5, add_bias_kv=True),
     "q_proj_weight k_proj_weight v_proj_weight in_proj_bias bias_k bias_v out_proj.weight out_proj.bias"),
    (lambda: nn.CrossEntropyLoss(torch.ones(3)), "weight"),
    (lambda: nn.CrossEntropyLoss(), ""),
    (lambda: nn.BCEWithLogitsLoss(torch.ones(3), pos_weight=torch.ones(3)), "weight pos_weight"),
    (lambda: nn.AdaptiveLogSoftmaxWithLoss(16, 10, [5], head_bias=True), "head.weight head.bias tail.0.0.weight tail.0.1.weight"),
    (lambda: nn.TransformerEncoderLayer(4, 2, 8), "self_attn.in_proj_weight self_attn.in_proj_bias self_attn.out_proj.weight "
     "self_attn.out_proj.bias linear1.weight linear1.bias linear2.weight linear2.bias norm1.weight norm1.bias norm2.weight norm2.bias"),
])
def test_state_dict_keys_are_pytorchs(make, keys):
    assert list(make().state_dict()) == keys.split()


@pytest.mark.parametrize("make, error, message", [
    (lambda: nn.Bilinear(0, 1, 2), ValueError, "in1_features must be > 0, but got (in1_features=0)"),
    (lambda: nn.Linear(3, -1), RuntimeError, "Trying to create tensor with negative dimension -1: [-1, 3]"),
    (lambda: nn.Unflatten(1, 3), TypeError, "unflattened_size must be a tuple of ints, but found type int"),
    (lambda: nn.Unflatten(1, (2, "a")), TypeError, "unflattened_size must be tuple of ints, but found element of type str at pos 1"),
    (lambda: nn.Dropout(2), ValueError, "dropout probability has to be between 0 and 1, but got 2"),
    (lambda: nn.Embedding(3, 4, padding_idx=5), AssertionError, "Padding_idx must be within num_embeddings"),
    (lambda: nn.Embedding(3, 4, padding_idx=-5), AssertionError, "Padding_idx must be within num_embeddings"),
    (lambda: nn.Embedding(3, 4, _weight=torch.zeros(2, 3)), AssertionError, "Shape of weight does not match num_embeddings and embedding_dim"),
    (lambda: nn.Embedding.from_pretrained(torch.zeros(3)), AssertionError, "Embeddings parameter is expected to be 2-dimensional"),
    (lambda: nn.EmbeddingBag(3, 4, padding_idx=5), AssertionError, "padding_idx must be within num_embeddings"),
    (lambda: nn.Hardtanh(2, 1), AssertionError, "max_val (1) must be greater than min_val (2)"),
    (lambda: nn.Softmax2d()(torch.zeros(3)), ValueError, "Softmax2d: expected input to be 3D or 4D, got 1D instead"),
    (lambda: nn.MultiMarginLoss(3), ValueError, "only p == 1 and p == 2 supported"),
    (lambda: nn.MultiMarginLoss(weight=torch.ones(2, 2)), ValueError, "MultiMarginLoss: expected weight to be None or 1D tensor, got 2D instead"),
    (lambda: nn.TripletMarginLoss(-1), ValueError, "TripletMarginLoss: expected margin to be greater than 0, got -1 instead"),
    (lambda: nn.TripletMarginWithDistanceLoss(margin=0), ValueError,
     "TripletMarginWithDistanceLoss: expected margin to be greater than 0, got 0 instead"),
    (lambda: nn.LinearCrossEntropyOptions(acc_policy="x"), ValueError, "invalid acc_policy: 'x'"),
    (lambda: nn.CircularPad2d(1)(torch.zeros(2)), ValueError, "expected 3D or 4D input (got 1D input)"),
    (lambda: nn.GroupNorm(3, 4), ValueError, "num_channels (4) must be divisible by num_groups (3)"),
    (lambda: nn.BatchNorm1d(3)(torch.zeros(3)), ValueError, "expected 2D or 3D input (got 1D input)"),
    (lambda: nn.BatchNorm2d(3)(torch.zeros(3, 4)), ValueError, "expected 4D input (got 2D input)"),
    (lambda: nn.BatchNorm3d(3)(torch.zeros(3, 4)), ValueError, "expected 5D input (got 2D input)"),
    (lambda: nn.SyncBatchNorm(3)(torch.zeros(3)), ValueError, "expected at least 2D input (got 1D input)"),
    (lambda: nn.BatchNorm1d(3)(torch.zeros(1, 3)), ValueError,
     "Expected more than 1 value per channel when training, got input size torch.Size([1, 3])"),
    (lambda: nn.InstanceNorm2d(3)(torch.zeros(3)), ValueError, "expected 3D or 4D input (got 1D input)"),
    (lambda: nn.InstanceNorm1d(5, affine=True)(torch.zeros(2, 3, 4)), ValueError,
     "expected input's size at dim=1 to match num_features (5), but got: 3."),
    (lambda: nn.Conv2d(2, 4, 3, stride=2, padding="same"), ValueError, "padding='same' is not supported for strided convolutions"),
    (lambda: nn.Conv2d(2, 4, 3, padding="foo"), ValueError, "Invalid padding string 'foo', should be one of {'same', 'valid'}"),
    (lambda: nn.Conv2d(3, 4, 3, groups=2), ValueError, "in_channels must be divisible by groups"),
    (lambda: nn.Conv2d(4, 3, 3, groups=2), ValueError, "out_channels must be divisible by groups"),
    (lambda: nn.Conv2d(4, 4, 3, groups=0), ValueError, "groups must be a positive integer"),
    (lambda: nn.Conv2d(4, 3, 3, padding_mode="foo"), ValueError,
     "padding_mode must be one of {'zeros', 'reflect', 'replicate', 'circular'}, but got padding_mode='foo'"),
    (lambda: nn.ConvTranspose1d(2, 4, 3, padding_mode="reflect"), ValueError,
     'Only "zeros" padding mode is supported for ConvTranspose1d'),
    (lambda: nn.ConvTranspose2d(2, 3, 2)(torch.zeros(1, 2, 4, 4), output_size=(7, 5)), ValueError,
     "requested an output size of (7, 5), but valid sizes range from [5, 5] to [5, 5] (for an input of torch.Size([4, 4]))"),
    (lambda: nn.ConvTranspose2d(2, 3, 2)(torch.zeros(1, 2, 4, 4), output_size=(7,)), ValueError,
     "ConvTranspose2D: for 4D input, output_size must have 2 or 4 elements (got 1)"),
    (lambda: nn.FractionalMaxPool2d(3), ValueError, "FractionalMaxPool2d requires specifying either an output size, or a pooling ratio"),
    (lambda: nn.FractionalMaxPool3d(3, 2, 0.5), ValueError, "only one of output_size and output_ratio may be specified"),
    (lambda: nn.FractionalMaxPool2d(3, output_ratio=1.5), ValueError, "output_ratio must be between 0 and 1 (got 1.5)"),
    (lambda: nn.AdaptiveLogSoftmaxWithLoss(4, 10, []), ValueError, "cutoffs should be a sequence of length larger than 0"),
    (lambda: nn.AdaptiveLogSoftmaxWithLoss(4, 10, [5, 2]), ValueError, "cutoffs should be a sequence of unique, positive integers sorted in an "
     "increasing order, where each value is between 1 and n_classes-1"),
    (lambda: nn.MultiheadAttention(4, 3), AssertionError, "embed_dim must be divisible by num_heads"),
    (lambda: nn.MultiheadAttention(0, 2), ValueError,
     "embed_dim and num_heads must be greater than 0, got embed_dim=0 and num_heads=2 instead"),
    (lambda: nn.TransformerEncoderLayer(4, 2, activation="foo"), RuntimeError, "activation should be relu/gelu, not foo"),
])
def test_what_will_not_do_is_pytorchs_error(make, error, message):
    with pytest.raises(error) as caught:
        make()
    assert type(caught.value) is error and str(caught.value).split("\n")[0] == message


@pytest.mark.parametrize("make, category, message", [
    (lambda: nn.Hardtanh(min_value=-3), FutureWarning, "keyword argument `min_value` is deprecated and renamed to `min_val`"),
    (lambda: nn.Hardtanh(max_value=3), FutureWarning, "keyword argument `max_value` is deprecated and renamed to `max_val`"),
    (lambda: nn.MSELoss(size_average=False), UserWarning,
     "size_average and reduce args will be deprecated, please use reduction='sum' instead."),
    (lambda: nn.NLLLoss2d(), FutureWarning, "`NLLLoss2d` has been deprecated. Please use `NLLLoss` instead as a drop-in replacement and see "
     "https://pytorch.org/docs/main/nn.html#torch.nn.NLLLoss for more details."),
    (lambda: nn.InstanceNorm1d(5)(torch.zeros(2, 3, 4)), UserWarning, "input's size at dim=1 does not match num_features. You can silence this "
     "warning by not passing in num_features, which is not used because affine=False"),
    (lambda: nn.Linear(0, 3), UserWarning, "Initializing zero-element tensors is a no-op"),
    (lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8), 1), UserWarning, "enable_nested_tensor is True, but "
     "self.use_nested_tensor is False because encoder_layer.self_attn.batch_first was not True(use batch_first for better inference performance)"),
])
def test_what_is_out_of_date_is_warned_of(make, category, message):
    with pytest.warns(category) as caught:
        make()
    assert [str(w.message) for w in caught] == [message]


def test_old_reduction_arguments():
    from rushlight.nn import _reduction
    pairs = [(average, reduce) for average in (None, True, False) for reduce in (None, True, False)]
    assert [_reduction.legacy_get_string(*pair, emit_warning=False) for pair in pairs] == ["mean", "mean", "none"] * 2 + ["sum", "sum", "none"]
    assert [_reduction.get_enum(name) for name in ("none", "mean", "sum")] == [0, 1, 2]
    with pytest.raises(ValueError, match="^foo is not a valid value for reduction$"):
        _reduction.get_enum("foo")


def test_a_table_keeps_its_padding_row_at_zero():
    table = nn.Embedding(4, 3, padding_idx=-3)
    assert table.padding_idx == 1 and table.weight[1].tolist() == [0, 0, 0]
    table(torch.tensor([1, 2])).sum().backward()
    assert table.weight.grad.tolist() == [[0] * 3, [0] * 3, [1] * 3, [0] * 3]


def test_pretrained_tables_share_memory_and_are_frozen_unless_said_otherwise():
    rows = torch.zeros(2, 3)
    for kind in (nn.Embedding, nn.EmbeddingBag):
        frozen, trained = kind.from_pretrained(rows), kind.from_pretrained(rows, freeze=False)
        assert not frozen.weight.requires_grad and trained.weight.requires_grad
        rows.fill_(frozen.weight[0, 0].item() + 1)
        assert frozen.weight.tolist() == trained.weight.tolist() == rows.tolist()


def test_batch_norm_moves_its_statistics_by_momentum_or_takes_their_mean():
    x = torch.tensor([[1.0], [3.0]])
    moving, mean = nn.BatchNorm1d(1), nn.BatchNorm1d(1, momentum=None)
    for layer in (moving, mean):
        layer(x)
        layer(x + 2)
    assert moving.running_mean.item() == pytest.approx(0.1 * 2 * 0.9 + 0.1 * 4) and mean.running_mean.item() == 3
    assert moving.num_batches_tracked.item() == 2
    assert mean.eval()(torch.tensor([[3.0]])).item() == 0
    moving.reset_running_stats()
    assert moving.running_var.item() == 1 and moving.num_batches_tracked.item() == 0


def test_converting_to_sync_batch_norm_keeps_parameters_and_buffers():
    net = nn.Sequential(nn.BatchNorm1d(3), nn.Sequential(nn.BatchNorm1d(2, affine=False))).eval()
    weight, mean = net[0].weight, net[0].running_mean
    net = nn.SyncBatchNorm.convert_sync_batchnorm(net)
    assert isinstance(net[0], nn.SyncBatchNorm) and isinstance(net[1][0], nn.SyncBatchNorm) and not net[0].training
    assert net[0].weight is weight and net[0].running_mean is mean


def test_a_parameter_is_found_on_the_class_of_its_layer_only_by_way_of_an_instance():
    with pytest.raises(AttributeError, match="^type object 'Linear' has no attribute 'weight'$"):
        getattr(nn.Linear, "weight")
    layer = nn.Linear(2, 2)
    del layer.weight
    with pytest.raises(AttributeError, match="^'Linear' object has no attribute 'weight'$"):
        getattr(layer, "weight")
    layer.weight = 5
    assert layer.weight == 5
