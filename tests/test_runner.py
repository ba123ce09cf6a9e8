"""A program behaves under `rushlight run` as under `python`: output, arguments, `__main__`, errors, exit code, child processes."""
import os
import signal
import textwrap
import zipfile

import pytest


@pytest.fixture
def both(python, rushlight, tmp_path):
    """Runs one program under python and under rushlight run; returns the two finished processes."""

    def run(source, *arguments, name="program.py"):
        (tmp_path / name).write_text(textwrap.dedent(source))
        return python(name, *arguments), rushlight("run", name, *arguments)

    return run


def same(theirs, mine):
    return (theirs.returncode, theirs.stdout, theirs.stderr) == (mine.returncode, mine.stdout, mine.stderr)


def test_program_sees_its_own_arguments_and_search_path(both):
    theirs, mine = both("import sys; print(sys.argv, sys.path[0])", "--epochs", "3", "-m", "--", "-h")
    assert same(theirs, mine) and "['program.py', '--epochs', '3', '-m', '--', '-h']" in mine.stdout


def test_program_is_the_main_module(both):
    theirs, mine = both("""
        import pickle, sys
        class Point: pass
        print(sorted(globals()), __name__, __file__, __spec__, __package__, __doc__, type(__loader__))
        print(sys.modules["__main__"].Point is Point, type(pickle.loads(pickle.dumps(Point()))))
        """)
    assert same(theirs, mine) and "True <class '__main__.Point'>" in mine.stdout


def test_symbolic_link_searches_the_folder_of_its_target(python, rushlight, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "program.py").write_text("import sys; print(sys.path[0], __file__)")
    (tmp_path / "link.py").symlink_to(tmp_path / "real" / "program.py")
    assert same(python("link.py"), rushlight("run", "link.py"))


def test_error_shows_the_programs_frames_alone(both):
    theirs, mine = both("""
        def outer():
            inner()
        def inner():
            try:
                1 / 0
            except ZeroDivisionError:
                raise ValueError("wrong")
        outer()
        """)
    assert same(theirs, mine) and mine.returncode == 1 and "ZeroDivisionError" in mine.stderr


def test_syntax_error_prints_as_under_python(both):
    theirs, mine = both("x = (\n")
    assert same(theirs, mine) and mine.returncode == 1


@pytest.mark.parametrize("ending", ["sys.exit(7)", "sys.exit('a last word')", "sys.exit()", "raise SystemExit([1])", "os._exit(3)"])
def test_exit_code_is_the_programs(both, ending):
    assert same(*both(f"import os, sys; {ending}"))


def test_interrupt_ends_by_its_signal(both):
    theirs, mine = both("raise KeyboardInterrupt")
    assert same(theirs, mine) and mine.returncode == -signal.SIGINT


def test_except_hook_of_the_program_is_called(both):
    theirs, mine = both("""
        import sys, traceback
        sys.excepthook = lambda kind, error, tb: print(kind, len(traceback.extract_tb(tb)), "frame")
        raise ValueError
        """)
    assert same(theirs, mine) and "1 frame" in mine.stdout


def test_work_at_exit_is_done(both):
    assert same(*both("import atexit; atexit.register(print, 'bye'); raise ValueError"))


def test_future_annotations_do_not_leak_into_the_program(both):
    assert same(*both("def f(x: 1 + 1): pass\nprint(f.__annotations__)"))


def test_missing_file_is_reported_as_by_python(python, rushlight):
    theirs, mine = python("nowhere.py"), rushlight("run", "nowhere.py")
    assert same(theirs, mine) and mine.returncode == 2


def test_module_runs_as_with_dash_m(python, rushlight, tmp_path):
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    (tmp_path / "package" / "train.py").write_text("import sys; print(sys.argv, sys.path[0], __name__, __spec__.name); 1 / 0")
    theirs, mine = python("-m", "package.train", "a"), rushlight("run", "-m", "package.train", "a")
    assert same(theirs, mine) and "package.train" in mine.stdout


def test_missing_module_is_reported_as_with_dash_m(python, rushlight):
    assert same(python("-m", "nowhere.at_all"), rushlight("run", "-m", "nowhere.at_all"))


def test_folder_and_archive_run_by_their_main(python, rushlight, tmp_path):
    source = "import sys; print(sys.argv, sys.path[0], __name__)"
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__main__.py").write_text(source)
    with zipfile.ZipFile(tmp_path / "app.zip", "w") as archive:
        archive.writestr("__main__.py", source)
    for name in ("app", "app.zip"):
        assert same(python(name, "x"), rushlight("run", name, "x"))


def test_processes_that_the_program_starts_have_torch_too(rushlight, tmp_path):
    (tmp_path / "program.py").write_text(textwrap.dedent("""
        import multiprocessing
        def work(queue):
            import torch
            queue.put(torch.__name__)
        if __name__ == "__main__":
            for method in multiprocessing.get_all_start_methods():
                context = multiprocessing.get_context(method)
                queue = context.SimpleQueue()
                child = context.Process(target=work, args=(queue,))
                child.start()
                print(method, queue.get())
                child.join()
        """))
    mine = rushlight("run", "program.py")
    assert mine.returncode == 0, mine.stderr
    assert "spawn rushlight" in mine.stdout and mine.stdout.count("rushlight") == len(mine.stdout.splitlines())


def test_programs_frames_are_hidden_from_nobody_else(python):
    """A library that is not under `rushlight run` keeps its own excepthook."""
    done = python("-c", "import sys, rushlight; rushlight.install_as_torch(); print(sys.excepthook is sys.__excepthook__)")
    assert done.stdout == "True\n"


def test_safe_path_is_respected(python, tmp_path):
    (tmp_path / "program.py").write_text("import sys; print(sys.path[0])")
    theirs = python("program.py", PYTHONSAFEPATH="1")
    mine = python("-m", "rushlight", "run", "program.py", PYTHONSAFEPATH="1")
    assert same(theirs, mine), os.linesep.join([theirs.stdout, mine.stdout, mine.stderr])
