"""CharLSTM: the model of examples/char_lstm.py, and its quick way of writing."""
import pytest

import rushlight as torch
from rushlight.models import CharLSTM
from rushlight.models.drawing import draw


def plain(model, codes, length, temperature, top_k):
    """Writing as anyone would write it: one call of the model for each code."""
    found, state = [], None
    for _ in range(length):
        logits, state = model(torch.tensor([codes]), state)
        codes = [draw(logits[0, -1].detach(), temperature, top_k)]
        found += codes
    return found


def test_names_are_those_of_the_program():
    assert list(CharLSTM(7, layers=2).state_dict()) == [
        "embed.weight", *[f"lstm.{kind}_{part}_l{layer}" for layer in (0, 1) for kind in ("weight", "bias") for part in ("ih", "hh")],
        "head.weight", "head.bias"]


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("temperature, top_k", [(0, 0), (1.3, 0), (0.9, 4)])
def test_generated_codes_are_those_of_the_model_called_code_by_code(layers, temperature, top_k):
    torch.manual_seed(3)
    model = CharLSTM(9, 8, 16, layers).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight *= 5  # else all codes are about as likely, and a wrong state would hardly be seen
    torch.manual_seed(4)
    expected = plain(model, [1, 5, 2], 30, temperature, top_k)
    torch.manual_seed(4)
    assert list(model.generate([1, 5, 2], 30, temperature, top_k)) == expected
    assert len(set(expected)) > 1


def test_generating_drops_nothing_out_and_leaves_the_model_as_it_was():
    torch.manual_seed(3)
    model = CharLSTM(9, 8, 16, 2, dropout=0.9).train()
    kept = {name: value.clone() for name, value in model.state_dict().items()}
    assert list(model.generate([1], 10, 0)) == plain(model.eval(), [1], 10, 0, 0)
    assert all(torch.equal(value, kept[name]) for name, value in model.state_dict().items())


def test_draw_takes_the_likeliest_codes_alone():
    torch.manual_seed(0)
    logits = torch.tensor([0.0, 3.0, 2.0, -1.0])
    assert draw(logits, 0) == 1
    assert {draw(logits, 5.0, 2) for _ in range(60)} == {1, 2}
    assert {draw(logits, 5.0) for _ in range(200)} == {0, 1, 2, 3}
    assert {draw(logits, 5.0, 99) for _ in range(200)} == {0, 1, 2, 3}
