"""`rushlight generate`, and the model that comes with the library."""
import os
import pathlib

import pytest

import rushlight as torch
from rushlight.models import pretrained_char_lstm
from rushlight.models.char_lstm import PRETRAINED
from rushlight.models.writing import text

PROGRAM = pathlib.Path(__file__).parent.parent.parent / "examples" / "char_lstm.py"


def test_packaged_model_is_small_half_precision_and_says_where_it_comes_from():
    assert os.path.getsize(PRETRAINED) < 1_000_000
    content = torch.load(PRETRAINED)
    assert {value.dtype for value in content["model"].values()} == {torch.float16} and content["loss"] < 1.2
    assert "Python Software Foundation" in pathlib.Path(PRETRAINED).with_suffix(".md").read_text(encoding="utf-8")


def test_text_looks_like_python(rushlight):
    done = rushlight("generate", "def ", "-n", "3000", "--seed", "1")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("def ") and len(done.stdout) == 3005
    for word, times in (("self", 10), ("\n    ", 30), ("(", 20), ("return ", 3)):
        assert done.stdout.count(word) >= times


def test_same_seed_writes_the_same_and_none_writes_anew(rushlight):
    first, again, other, fresh, fresher = [
        rushlight("generate", "import ", "-n", "60", *seed).stdout for seed in (["--seed", "1"], ["--seed", "1"], ["--seed", "2"], [], [])]
    assert first == again and len({first, other, fresh, fresher}) == 4


@pytest.mark.parametrize("how", [(), ("--temperature", "0"), ("--temperature", "1.2", "--top-k", "3")])
def test_it_writes_what_the_program_writes(rushlight, how):
    ours = rushlight("generate", "class ", "-n", "50", "--seed", "7", *(how or ("--temperature", "0.8")))
    theirs = rushlight("run", PROGRAM, "--generate", "50", "--prompt", "\nclass ", "--seed", "7", "--model", PRETRAINED, *how)
    assert "\n" + ours.stdout == theirs.stdout


def test_characters_that_the_model_does_not_know_are_skipped():
    torch.manual_seed(1)
    known = "".join(text("def ", 20))
    torch.manual_seed(1)
    assert "".join(text("d\u4e00ef ", 20)) == known
    assert len(list(text("\u4e00", 5))) == 5


def test_what_is_no_model_is_named_in_one_line(rushlight, tmp_path):
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pth")
    (tmp_path / "text.pth").write_text("no model", encoding="utf-8")
    for name, words in (("other.pth", "not a model that examples/char_lstm.py saved"), ("text.pth", "text.pth: "), ("none.pth", "No such file")):
        done = rushlight("generate", "--model", name)
        assert (done.returncode, done.stdout) == (1, "") and words in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [("--temperature", "-1"), ("-n", "-5"), ("--top-k", "-1"), ("--temperature", "nan"), ("--seed", str(2**64)),
                                       ("one", "two")])
def test_wrong_arguments_are_explained_with_exit_code_2(rushlight, arguments):
    done = rushlight("generate", *arguments)
    assert done.returncode == 2 and "usage: rushlight generate" in done.stderr and "Traceback" not in done.stderr


def test_model_is_for_evaluation_and_of_single_precision():
    model, characters = pretrained_char_lstm()
    assert not model.training and model.head.weight.dtype is torch.float32 and len(characters) == model.embed.num_embeddings
