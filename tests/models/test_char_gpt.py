"""CharGPT bears GPT-2's names; the logits are those of the same network written in plain PyTorch functions, with equal weights."""
import numpy as np
import pytest

import rushlight as torch
from rushlight.models import CharGPT

from .filled import fill, shapes

#: the names in the public file of the smallest GPT-2, of width 768, and their shapes by that width; h.0 stands for each of 12 blocks
PUBLIC = {"wte.weight": (50257, 768), "wpe.weight": (1024, 768)} | {f"h.0.{name}": shape for name, shape in {
    "ln_1.weight": (768,), "ln_1.bias": (768,), "attn.c_attn.weight": (768, 2304), "attn.c_attn.bias": (2304,),
    "attn.c_proj.weight": (768, 768), "attn.c_proj.bias": (768,), "ln_2.weight": (768,), "ln_2.bias": (768,),
    "mlp.c_fc.weight": (768, 3072), "mlp.c_fc.bias": (3072,), "mlp.c_proj.weight": (3072, 768), "mlp.c_proj.bias": (768,)}.items()
} | {"ln_f.weight": (768,), "ln_f.bias": (768,)}
CODES = [[1, 5, 2, 7, 10, 0, 3], [4, 4, 9, 8, 1, 0, 2]]
#: the logits of the last place of both rows
LOGITS = [[0.29937994, -2.6162169, 1.10831797, 2.01986861, -2.19514108, -0.83873731, 2.64643717, -0.58522105, -2.33154941, 1.83974922,
           1.34164262], [-3.70984411, -0.23807077, 3.83794212, -1.826997, -2.85489702, 3.36311960, 1.04531610, -3.92556858, 1.0668999,
                         3.35150576, -2.87023234]]


@pytest.fixture
def model():
    return CharGPT(11, n_positions=16, n_embd=12, n_layer=2, n_head=3).eval()


def public_state(model):
    """A state as public files have it: without `transformer.`, without the shared head, and with the masks of older ones."""
    state = fill({name.removeprefix("transformer."): shape for name, shape in shapes(model).items() if name != "lm_head.weight"})
    return state | {"h.0.attn.bias": torch.ones(1, 1, 16, 16).tril(), "h.1.attn.masked_bias": torch.tensor(-1e4)}


def test_gpt2_has_the_names_and_shapes_of_the_public_file(monkeypatch):
    monkeypatch.setattr(torch.nn.init, "normal_", lambda weight, **how: weight)
    model = CharGPT(50257, 1024, 768, 1, 12)
    found = shapes(model)
    assert found.pop("lm_head.weight") == (50257, 768)
    assert list(found.items()) == [(f"transformer.{name}", shape) for name, shape in PUBLIC.items()]
    block = sum(weight.numel() for weight in model.transformer["h"].parameters())
    assert sum(weight.numel() for weight in model.parameters()) + 11 * block == 124_439_808  # the size of the public one


def test_logits_are_those_of_the_network_in_plain_pytorch(model):
    assert str(model.load_state_dict(public_state(model))) == "<All keys matched successfully>"
    with torch.no_grad():
        out = model(torch.tensor(CODES))
    assert np.allclose(out[:, -1].numpy(), LOGITS, rtol=0, atol=2e-5)


def test_own_state_and_names_with_prefix_load_too(model):
    model.load_state_dict(public_state(model))
    other = CharGPT(11, n_positions=16, n_embd=12, n_layer=2, n_head=3).eval()
    assert str(other.load_state_dict(model.state_dict())) == "<All keys matched successfully>"
    assert torch.equal(other(torch.tensor(CODES)), model(torch.tensor(CODES)))


def test_what_is_missing_or_too_much_is_named(model):
    state = public_state(model) | {"h.7.ln_1.weight": torch.zeros(12)}
    del state["ln_f.bias"]
    found = model.load_state_dict(state, strict=False)
    assert found == (["transformer.ln_f.bias"], ["transformer.h.7.ln_1.weight"])


def test_head_and_embedding_are_one_parameter(model):
    assert model.lm_head.weight is model.transformer["wte"].weight
    model.load_state_dict(public_state(model))
    assert model.lm_head.weight is model.transformer["wte"].weight


def test_no_place_sees_what_follows_it(model):
    codes = torch.tensor(CODES)
    out = model(codes)
    codes[:, 4] = 6
    changed = model(codes) != out
    assert not changed[:, :4].any() and bool(changed[:, 4:].any(-1).all())


def test_first_values_are_small_and_smaller_where_they_add_up():
    torch.manual_seed(0)
    state = CharGPT(50, 64, 48, 8, 4).state_dict()
    spread = {name: state[f"transformer.{name}.weight"].std().item() for name in ("wte", "h.3.attn.c_attn", "h.3.attn.c_proj", "h.3.mlp.c_proj")}
    assert all(abs(value - (0.005 if "proj" in name else 0.02)) < 0.001 for name, value in spread.items())
    assert not state["transformer.h.0.mlp.c_fc.bias"].any()


def test_more_codes_than_positions_are_refused(model):
    with pytest.raises(ValueError, match="17 codes in a row, and the model has 16 positions"):
        model(torch.zeros(1, 17, dtype=torch.int64))


def test_generated_codes_are_the_likeliest_and_may_be_more_than_positions(model):
    model.load_state_dict(public_state(model))
    model.train()
    found = model.generate(CODES[0], 20, temperature=0)
    assert len(found) == 20 and model.training
    model.eval()
    row = CODES[0] + found
    for at in (7, 15, 26):
        assert row[at] == int(model(torch.tensor([row[max(at - 16, 0):at]]))[0, -1].argmax())


def test_it_learns_to_count():
    torch.manual_seed(0)
    model = CharGPT(5, 8, 16, 1, 2, dropout=0.0)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    codes = (torch.arange(9) + torch.arange(5)[:, None]) % 5
    for _ in range(60):
        loss = torch.nn.functional.cross_entropy(model(codes[:, :-1]).flatten(0, 1), codes[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert model.generate([3], 6, temperature=0) == [4, 0, 1, 2, 3, 4]
