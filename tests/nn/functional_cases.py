"""Expressions of nn.functional whose values and errors in PyTorch 2.13.0 are stored in data/functional.json.

`python functional_cases.py` writes that file, in an environment that has PyTorch; the tests need it not.
"""
import json
import pathlib
import warnings

FILE = pathlib.Path(__file__).parent.parent / "data" / "functional.json"

ACTIVATIONS = """relu(x) relu6(x*4) leaky_relu(x) leaky_relu(x,-0.5) elu(x) elu(x,0.5) selu(x) celu(x) celu(x,2.0) gelu(x) gelu(x,approximate='tanh')
    silu(x)
    mish(x) softplus(x) softplus(x,2,1) logsigmoid(x) tanhshrink(x) softsign(x) hardtanh(x) hardtanh(x,-0.2,0.3) hardswish(x*4) hardsigmoid(x*4)
    hardshrink(x) softshrink(x) softshrink(x,0.1) threshold(x,0.1,20.0) glu(x) prelu(x,torch.tensor([0.25]))
    prelu(x,torch.tensor([0.1,0.2,0.3,0.4])) relu(x*0) relu(big) leaky_relu(big) elu(big) silu(big) hardswish(big) softshrink(big)"""
LOSSES = """mse_loss(x,y) mse_loss(x,y,reduction='sum') mse_loss(x,y,reduction='none') mse_loss(x,y,weight=p) l1_loss(x,y) smooth_l1_loss(x,y)
    smooth_l1_loss(x,y,beta=0.3) smooth_l1_loss(x,y,beta=0.0) huber_loss(x,y,delta=0.4) huber_loss(x,y,delta=0.4,reduction='none')
    poisson_nll_loss(x,p) poisson_nll_loss(p,p,log_input=False,full=True) gaussian_nll_loss(x,y,p) gaussian_nll_loss(x,y,p,full=True)
    binary_cross_entropy(p,q) binary_cross_entropy(p,q,weight=q,reduction='sum') binary_cross_entropy_with_logits(x,q)
    binary_cross_entropy_with_logits(x*50,q) binary_cross_entropy_with_logits(x,q,pos_weight=q,reduction='none') soft_margin_loss(x,s)
    multilabel_soft_margin_loss(x,q) kl_div(x,q,reduction='batchmean') kl_div(x,x*0.5,reduction='sum',log_target=True) hinge_embedding_loss(x,s)
    margin_ranking_loss(x,y,s,margin=0.1) cosine_embedding_loss(x,y,s[:,0]) multi_margin_loss(x,c) multi_margin_loss(x,c,p=2,weight=w4)
    multilabel_margin_loss(x,torch.tensor([[0,2,-1,0],[1,-1,0,0],[3,2,1,-1]])) triplet_margin_loss(x,y,x*0.3)
    triplet_margin_loss(x,y,x*0.3,swap=True,p=1.0) triplet_margin_with_distance_loss(x,y,x*0.3) cross_entropy(x,c) cross_entropy(x*100,c)
    cross_entropy(x,c,reduction='none') cross_entropy(x,c,weight=w4) cross_entropy(x,c,ignore_index=1) cross_entropy(x,c,label_smoothing=0.2)
    cross_entropy(x,c,weight=w4,ignore_index=1,label_smoothing=0.2) cross_entropy(x,c,weight=w4,label_smoothing=0.2,reduction='sum')
    cross_entropy(x,q) cross_entropy(x,q,weight=w4,label_smoothing=0.1) cross_entropy(x[0],c[0])
    cross_entropy(v.transpose(1,2),torch.tensor([[0,1,2,3,0],[1,1,2,3,1]])) cross_entropy(x,c*0-100) nll_loss(x,c)
    nll_loss(x,c,weight=w4,ignore_index=3) nll_loss(im,torch.zeros(1,5,4,dtype=torch.long))
    ctc_loss(t.log_softmax(2),torch.tensor([[1,2,2],[3,1,0]]),(7,6),(3,2))
    ctc_loss(t.log_softmax(2),torch.tensor([1,2,2,3,1]),(2,6),(3,2),zero_infinity=True) cosine_similarity(x,y) cosine_similarity(x,y,dim=0)
    cosine_similarity(x*0,y) pairwise_distance(x,y) pairwise_distance(x,y,p=1.0) pdist(x) normalize(x) normalize(x,p=1.0,dim=0)
    linear_cross_entropy(x,y,torch.tensor([2,0,1]))"""
LAYERS = """layer_norm(x,(4,)) layer_norm(x,(4,),w4,w4*2) layer_norm(im,(5,4)) group_norm(im,2) group_norm(im,2,w4,w4*2)
    batch_norm(im,None,None,w4,w4*2,training=True) batch_norm(x,None,None,training=True) batch_norm(im,w4,w4*2,w4,w4) instance_norm(im)
    instance_norm(im,weight=w4,bias=w4) rms_norm(x,(4,)) rms_norm(im,(5,4),torch.ones(5,4)*0.5) local_response_norm(im,3) conv1d(v,k1)
    conv1d(v,k1,stride=2,padding=1) conv2d(im,k2) conv2d(im,k2,w4[:3],padding=1,stride=(2,1)) conv2d(im,k2,dilation=2,padding='same')
    conv2d(im,k2[:,:2].repeat(2,1,1,1)[:4],groups=2) conv2d(im,dw,groups=4,padding=1) conv2d(wide,k2[:,:1],padding=1)
    conv2d(wide,k2[:,:1],padding=2,dilation=2) conv3d(im[None],k2[None,:1,:2,:2,:2].repeat(2,1,1,1,1)) conv_transpose1d(v,k1.transpose(0,1))
    conv_transpose2d(im,k2.transpose(0,1),stride=2,padding=1,output_padding=1) conv_transpose2d(im,dw,groups=4)
    unfold(im,(2,3),padding=1,stride=2) fold(torch.arange(48.0).reshape(1,12,4),(4,3),(2,2),stride=(2,1)) max_pool1d(v,2) max_pool2d(im,2)
    max_pool2d(im,3,2,1) max_pool2d(im,2,ceil_mode=True) max_pool2d(im,(2,1),dilation=2) max_pool2d(im,2,return_indices=True)[1]
    max_pool3d(im[None],2) avg_pool1d(v,2) avg_pool2d(im,3,2,1) avg_pool2d(im,3,2,1,count_include_pad=False) avg_pool2d(im,2,ceil_mode=True)
    avg_pool2d(im,2,divisor_override=3) avg_pool3d(im[None],2) lp_pool1d(p,2.0,2) lp_pool2d(im,2.0,2) adaptive_avg_pool1d(v,3)
    adaptive_avg_pool2d(im,(3,3)) adaptive_avg_pool2d(im,1) adaptive_avg_pool2d(im,(3,None)) adaptive_avg_pool3d(im[None],2)
    adaptive_max_pool1d(v,3) adaptive_max_pool2d(im,(3,3)) adaptive_max_pool2d(im,(3,3),return_indices=True)[1] adaptive_max_pool3d(im[None],2)
    max_unpool2d(*torch.nn.functional.max_pool2d(im,2,return_indices=True),2,output_size=(5,4))
    max_unpool1d(*torch.nn.functional.max_pool1d(v,2,return_indices=True),2,output_size=(5,))
    fractional_max_pool2d(im,2,(3,2),_random_samples=torch.full((1,4,2),0.3)) scaled_dot_product_attention(im,im*0.5,im)
    scaled_dot_product_attention(im,im,im,is_causal=True) scaled_dot_product_attention(im,im,im,attn_mask=torch.eye(5)>0)
    scaled_dot_product_attention(im,im,im,attn_mask=torch.zeros(5,5)>0)
    scaled_dot_product_attention(im,im[:,:2],im[:,:2],enable_gqa=True,scale=0.3) pad(x,(1,2)) pad(x,(-1,1,0,2),value=3.0)
    pad(im,(1,2,3,1),mode='reflect') pad(im,(1,2,3,1),mode='replicate') pad(im,(1,2,3,1),mode='circular') pad(v,(2,-1),mode='reflect')
    interpolate(im,scale_factor=2) interpolate(im,size=(4,7)) interpolate(im,scale_factor=1.7,mode='bilinear')
    interpolate(im,size=(9,3),mode='bilinear',align_corners=True) interpolate(im,size=(9,3),mode='bicubic')
    interpolate(im,size=(3,2),mode='bilinear',antialias=True) interpolate(im,size=(3,2),mode='bicubic',antialias=True)
    interpolate(im,size=(3,8),mode='nearest-exact') interpolate(im,size=(3,2),mode='area') interpolate(v,size=7,mode='linear')
    interpolate(im[None],scale_factor=2,mode='trilinear') interpolate(im,scale_factor=1.7,mode='bilinear',recompute_scale_factor=True)
    grid_sample(im,grid,align_corners=False) grid_sample(im,grid,mode='nearest',align_corners=False)
    grid_sample(im,grid,mode='bicubic',padding_mode='border',align_corners=True)
    grid_sample(im,grid,padding_mode='reflection',align_corners=False) affine_grid(p[:2].unsqueeze(0)[...,:3],(1,2,2,3),align_corners=False)
    pixel_shuffle(im,2) pixel_unshuffle(im[...,:4,:],2) channel_shuffle(im,2) bilinear(x,y,torch.ones(2,4,4)) softmax(x,dim=1)
    log_softmax(x,dim=0)"""
ERRORS = """relu(x>0) elu(c) gelu(c) hardtanh(x,1.0,-1.0) glu(x[:,:3]) prelu(x,torch.ones(3)) softshrink(x,-1.0) celu(x,0.0) gelu(x,approximate='foo')
    mse_loss(x,y[:2]) mse_loss(x,y,reduction='foo') mse_loss(c,c) mse_loss(x,y,weight=w4) smooth_l1_loss(x,y,beta=-1.0)
    huber_loss(x,y,delta=0.0) binary_cross_entropy(x,q) binary_cross_entropy(p,q[0]) binary_cross_entropy(p,q*3) binary_cross_entropy(p,c)
    binary_cross_entropy(p,q.double()) binary_cross_entropy_with_logits(x,q[0]) gaussian_nll_loss(x,y,-p) gaussian_nll_loss(x,y,p[:2])
    margin_ranking_loss(x,y,s[0]) cosine_embedding_loss(x,y[0],s[:,0]) multi_margin_loss(x,c,p=3) multi_margin_loss(x,c+9)
    multi_margin_loss(x,c[:2]) multilabel_margin_loss(x,c) triplet_margin_loss(x,y,y,margin=0) triplet_margin_loss(x,y,y[0])
    kl_div(c,c,reduction='sum') cross_entropy(x,c[:2]) cross_entropy(x,c+3) cross_entropy(x,c-1) cross_entropy(x,c.float())
    cross_entropy(x,c.int()) cross_entropy(x,c,weight=w4[:2]) cross_entropy(x,c,label_smoothing=2.0) cross_entropy(x,[0])
    cross_entropy(x,q,ignore_index=0) cross_entropy(im,torch.zeros(1,6,4,dtype=torch.long)) nll_loss(x,c[:2]) nll_loss(x,c+3) nll_loss(c,c)
    nll_loss(x[0],c) ctc_loss(t,c,(7,6),(3,2),blank=9) ctc_loss(t,torch.ones(2,3).long(),(9,6),(3,2)) pdist(v) cosine_similarity(c,c,dim=0)
    normalize(c) layer_norm(x,(3,)) layer_norm(x,()) layer_norm(x,(4,),w4[:2]) layer_norm(c,(3,)) batch_norm(x[:1],None,None,training=True)
    batch_norm(x,None,None) batch_norm(x,w4[:2],w4) group_norm(im,3) group_norm(im,2,w4[:2]) instance_norm(x) local_response_norm(x,2)
    rms_norm(x,(3,)) conv2d(x,k2) conv2d(im,k2[:,:2]) conv2d(im,k2,stride=0) conv2d(im,k2,padding=-1) conv2d(im,k2,padding='foo')
    conv2d(im,k2,padding='same',stride=2) conv2d(im,k2,groups=2) conv2d(im,k2,w4) conv2d(im,k2.double()) conv2d(im[...,:2],k2)
    conv2d(im,k2,stride=(1,2,3)) conv_transpose2d(im,k2) conv_transpose2d(im,dw,output_padding=1) max_pool2d(x,2) max_pool2d(im,2,padding=2)
    max_pool2d(im,9) max_pool2d(im,2,stride=0) max_pool2d(im,(1,2,3)) max_pool1d(v,9) avg_pool2d(im,2,divisor_override=0) avg_pool1d(x[0],2)
    adaptive_avg_pool2d(x,2) adaptive_avg_pool2d(im,-1) adaptive_max_pool2d(im,(1,2,3)) fractional_max_pool2d(im,2)
    fractional_max_pool2d(im,2,output_size=8) max_unpool2d(im,im,2) max_unpool2d(im,torch.full((1,4,5,4),999),2)
    max_unpool2d(im,torch.zeros(1,4,5,4).long(),2,output_size=(1,1)) pad(x,(1,)) pad(x,(1,)*6) pad(x,(1,1),mode='foo')
    pad(v,(9,9),mode='reflect') pad(x,(1,1),mode='reflect',value=2.0) interpolate(im) interpolate(im,size=3,scale_factor=2)
    interpolate(im,size=(3,)) interpolate(im,size=3,mode='linear') interpolate(im,size=3,mode='foo') interpolate(im,size=0)
    interpolate(im,size=3,align_corners=True) grid_sample(im,torch.cat([grid,grid]),align_corners=False) grid_sample(im,grid,mode='foo')
    grid_sample(im,grid,padding_mode='foo') affine_grid(x,(1,2,2,3),align_corners=False) pixel_shuffle(im,3) unfold(x,2) fold(im,2,2)
    scaled_dot_product_attention(im,im,im.double()) scaled_dot_product_attention(x[0],x,x) scaled_dot_product_attention(im,im,im,attn_mask=c)"""
WARNINGS = """mse_loss(x,y[0]) l1_loss(x,y[0]) huber_loss(x,y[0]) smooth_l1_loss(x,y[0]) mse_loss(x,y,size_average=False) kl_div(x,q)
    upsample(im,scale_factor=2) grid_sample(im,grid) softmax(x)"""
EXPRESSIONS = [e for text in (ACTIVATIONS, LOSSES, LAYERS) for e in text.split()]


def names(torch):
    """What the expressions name; the same numbers in both libraries. `x` comes first: gradients are taken by it and by the images."""
    x = torch.arange(12.0).reshape(3, 4).mul(1.7).sin()
    im = torch.arange(80.0).reshape(1, 4, 5, 4).mul(0.37).cos()
    return {
        "torch": torch, "x": x, "y": torch.arange(12.0).reshape(3, 4).mul(0.9).cos(), "p": (x + 1.5) / 3, "q": (x * x + 0.1) / 2,
        "s": torch.tensor([[1.0, -1, 1, -1], [1, 1, -1, 1], [-1, 1, -1, -1]]), "c": torch.tensor([2, 0, 1]), "w4": torch.tensor([0.5, 1.0, 1.5, 2.0]),
        "big": torch.tensor([float("inf"), -float("inf"), float("nan"), 0.0, -0.0, 90.0, -90.0, 1e-20]), "im": im,
        "v": torch.arange(40.0).reshape(2, 5, 4).mul(0.61).sin(),
        "t": torch.arange(56.0).reshape(7, 2, 4).mul(0.53).sin(), "k1": torch.arange(30.0).reshape(2, 5, 3).mul(0.7).cos(),
        "k2": torch.arange(108.0).reshape(3, 4, 3, 3).mul(0.7).cos(), "dw": torch.arange(36.0).reshape(4, 1, 3, 3).mul(0.9).sin(),
        "wide": torch.arange(272.0).reshape(1, 1, 17, 16).mul(0.37).cos(),
        "grid": torch.arange(12.0).reshape(1, 2, 3, 2).mul(0.83).sin() * 1.3,
    }


def evaluate(torch, expression, given=None):
    """The value of an expression, and the gradients of its weighted sum by the named floating tensors."""
    given = given or names(torch)
    leaves = {n: v.requires_grad_() for n, v in given.items() if n in LEAVES and f"{n}" in expression}
    out = eval(f"torch.nn.functional.{expression}", given)
    if not out.requires_grad:
        return out, {}
    weights = torch.arange(float(out.numel())).reshape(out.shape).mul(0.3).sin() + 0.5
    grads = torch.autograd.grad((out * weights).sum(), list(leaves.values()), allow_unused=True)
    return out, {n: g for n, g in zip(leaves, grads) if g is not None}


LEAVES = ("x", "im", "v", "k1", "k2", "dw", "wide", "grid", "t")


def flat(tensor):
    """The numbers of a tensor, rounded to what float32 is good for."""
    return [v if isinstance(v, int) else float(f"{v:.5g}") for v in tensor.detach().reshape(-1).tolist()]


def outcome(torch, expression):
    """The class and the first line of an error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            eval(f"torch.nn.functional.{expression}", names(torch))
    except Exception as error:
        return type(error).__name__, str(error).split("\n")[0]
    return None


def warning(torch, expression):
    """The text of the first warning."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        eval(f"torch.nn.functional.{expression}", names(torch))
    return str(caught[0].message)


def main():
    import torch
    torch.set_num_threads(1)
    values = {}
    for expression in EXPRESSIONS:
        out, grads = evaluate(torch, expression)
        values[expression] = {"shape": list(out.shape), "values": flat(out), "name": out.grad_fn and out.grad_fn.name(),
                              "grads": {n: flat(g) for n, g in grads.items()}}
    stored = {"values": values, "errors": {e: outcome(torch, e) for e in ERRORS.split()},
              "warnings": {e: warning(torch, e) for e in WARNINGS.split()}}
    lines = []
    for part, found in stored.items():
        entries = ",\n".join([f"{json.dumps(e)}: {json.dumps(v, separators=(',', ':'))}" for e, v in found.items()])
        lines.append(f"{json.dumps(part)}: {{\n{entries}\n}}")
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
