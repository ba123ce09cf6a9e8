"""examples/char_lstm.py: the best model is kept, a run that stopped goes on as if it had not, and text is written."""
import importlib.util
import pathlib
import sys

import pytest

import rushlight

PROGRAM = pathlib.Path(__file__).parent.parent / "examples" / "char_lstm.py"
SMALL = "text.txt --hidden 16 --embedding 8 --batch 4 --window 20 --lr 0.02".split()
WRITE = "--generate 40 --prompt fox".split()


@pytest.fixture
def program(rushlight, tmp_path):
    """Runs the program in a folder with a text; its output."""
    (tmp_path / "text.txt").write_text("the quick brown fox jumps over the lazy dog. " * 40, encoding="utf-8")

    def run(*arguments, code=0):
        done = rushlight("run", PROGRAM, *arguments)
        assert done.returncode == code, done.stderr
        return done.stderr if code else done.stdout
    return run


@pytest.fixture
def module(monkeypatch):
    """The program as a module, on Rushlight."""
    monkeypatch.setitem(sys.modules, "torch", rushlight)
    monkeypatch.setitem(sys.modules, "torch.nn", rushlight.nn)
    spec = importlib.util.spec_from_file_location("char_lstm", PROGRAM)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def test_resumed_run_ends_as_one_that_never_stopped(module, program, tmp_path, monkeypatch):
    whole = program(*SMALL, "--epochs", "4", "--model", "whole.pth")

    epochs, one_epoch = iter([1, 2]), module.one_epoch
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["char_lstm.py", *SMALL, "--epochs", "4", "--model", "parts.pth"])
    monkeypatch.setattr(module, "one_epoch", lambda *args: next(epochs) and one_epoch(*args))
    with pytest.raises(StopIteration):  # in the third epoch
        module.main()
    rest = program(*SMALL, "--epochs", "4", "--model", "parts.pth", "--resume")
    assert rest.partition("\n")[2] == whole[whole.index("\nepoch 3"):]
    a, b = (rushlight.load(tmp_path / name)["model"] for name in ("whole.pth", "parts.pth"))
    assert all(bool((a[key] == b[key]).all()) for key in a)


def test_best_model_is_kept_and_not_the_last(module, tmp_path, monkeypatch, capsys):
    (tmp_path / "text.txt").write_text("abcdefgh" * 200, encoding="utf-8")
    found = iter([2.0, 1.0, 3.0])
    monkeypatch.setattr(module, "mean_loss", lambda *args: next(found))
    monkeypatch.setattr(sys, "argv", ["char_lstm.py", str(tmp_path / "text.txt"), *SMALL[1:], "--epochs", "3", "--model", str(tmp_path / "m.pth")])
    module.main()
    best, last = rushlight.load(tmp_path / "m.pth"), rushlight.load(tmp_path / "m.last.pth")
    assert (best["loss"], last["best"], last["epoch"]) == (1.0, 1.0, 3)
    assert bool((best["model"]["head.weight"] != last["model"]["head.weight"]).any())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.last.pth", "m.pth", "text.txt"]
    assert capsys.readouterr().out.count("  best\n") == 2


def test_text_follows_the_prompt_and_the_seed(program):
    program(*SMALL, "--epochs", "2", "--model", "m.pth")
    drawn = program(*WRITE, "--model", "m.pth")
    assert drawn.startswith("fox") and len(drawn) == 44
    assert program(*WRITE, "--model", "m.pth") == drawn != program(*WRITE, "--model", "m.pth", "--seed", "1")
    likeliest = program(*WRITE, "--model", "m.pth", "--temperature", "0")
    assert likeliest == program(*WRITE, "--model", "m.pth", "--top-k", "1", "--seed", "5")


def test_exported_model_is_half_precision_and_writes(program, tmp_path):
    program(*SMALL, "--epochs", "1", "--model", "m.pth")
    assert program("--model", "m.pth", "--export", "small.pth") == ""
    content = rushlight.load(tmp_path / "small.pth")
    assert {value.dtype for value in content["model"].values()} == {rushlight.float16}
    assert len(program(*WRITE, "--model", "small.pth")) == 44


def test_what_cannot_go_on_says_why_in_one_line(program, tmp_path):
    assert program(*WRITE, code=1) == "char_lstm.pth is not there: train first, or say which file with --model\n"
    program(*SMALL, "--epochs", "1")
    (tmp_path / "text.txt").write_text("0123456789" * 100, encoding="utf-8")
    assert program(*SMALL, "--resume", code=1) == "char_lstm.last.pth was trained on another text\n"
    (tmp_path / "text.txt").write_text("012", encoding="utf-8")
    assert program(*SMALL, code=1).startswith("the text is too short for this batch")


def test_temperature_and_top_k_shape_the_draw(module):
    rushlight.manual_seed(0)
    logits = rushlight.tensor([0.0, 3.0, 2.0, -1.0])
    assert module.pick(logits, 0, 0).item() == 1
    assert {module.pick(logits, 5.0, 2).item() for _ in range(60)} == {1, 2}
    assert {module.pick(logits, 5.0, 0).item() for _ in range(200)} == {0, 1, 2, 3}
    assert {module.pick(logits, 0.01, 0).item() for _ in range(20)} == {1}


def test_time_left_reads_as_a_clock(module):
    assert [module.clock(s) for s in (0, 65.4, 3599.6)] == ["0:00", "1:05", "1:00:00"]


def test_standard_library_is_the_text_where_none_is_given(module):
    text = module.library_text()
    assert len(text) > 4_000_000 and "def namedtuple(" in text
