"""What programs say to the compiler: disable, reset, stances, limits, and the names of torch._dynamo."""
import gc
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

import rushlight as torch

compiler, dynamo = torch.compiler, torch._dynamo


@pytest.fixture(autouse=True)
def afterwards_the_stance_is_the_default():
    yield
    compiler.set_stance("default")


def telling(x):
    """2 where it is recorded or replayed, 3 where it runs as written."""
    return x * 2 if compiler.is_compiling() else x * 3


COMPILED, WRITTEN = 2, 3
ONE = torch.ones(1)


def compiled(function=telling, **settings):
    return torch.compile(function, backend="numpy", **settings)


def shapes(f, count):
    """What f tells for arguments of that many shapes, each twice."""
    return [[f(torch.ones(n))[0].item() for _ in range(2)][1] for n in range(1, count + 1)]


# ---- is_compiling

def test_is_compiling_is_true_in_a_recorded_call_alone():
    f = compiled()
    assert (telling(ONE), f(ONE), f(ONE), compiler.is_compiling()) == (WRITTEN, COMPILED, COMPILED, False)


def test_another_thread_does_not_compile_while_a_call_is_recorded():
    with ThreadPoolExecutor(1) as pool:
        told = []

        def f(x):
            told.append(pool.submit(compiler.is_compiling).result())
            return x * 2
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compiled(f)(ONE)
    assert told == [False]


# ---- disable

@pytest.mark.parametrize("disabled", [compiler.disable, compiler.disable(reason="for a test"), compiler.disable(recursive=False)])
def test_a_disabled_function_runs_as_written(disabled):
    f = disabled(telling)
    assert f.__name__ == "telling" and f(ONE) == WRITTEN
    again = compiled(f)
    assert [again(ONE).item() for _ in range(3)] == [WRITTEN] * 3 and again._rushlight_work.made == 0


def test_a_recording_that_meets_a_disabled_function_ends():
    @compiler.disable
    def inner(x):
        return telling(x)
    f = compiled(lambda x: inner(x) + 1)
    with pytest.warns(UserWarning, match="because of a function that is not to be compiled, at .*test_api.py"):
        assert f(ONE) == WRITTEN + 1
    assert f(ONE) == WRITTEN + 1 and f._rushlight_work.recordings == []


def test_a_disabled_function_is_an_error_under_fullgraph():
    inner = compiler.disable(lambda x: x * 2, reason="it is old")
    with pytest.raises(dynamo.exc.Unsupported, match=r"a function that is not to be compiled \(it is old\)"):
        compiled(lambda x: inner(x), fullgraph=True)(ONE)


def test_a_disabled_module_is_not_compiled():
    class Model(torch.nn.Module):
        def forward(self, x):
            return telling(x)
    model = compiler.disable(Model())
    assert isinstance(model, compiler.OptimizedModule) and [model(ONE).item() for _ in range(2)] == [WRITTEN] * 2
    with pytest.warns(UserWarning, match="a function that is not to be compiled"):
        assert compiled(lambda x: model(x))(ONE) == WRITTEN
    assert compiler.disable(Model) is Model


# ---- the line that a warning points at


class Looking(torch.nn.Module):
    def forward(self, x):
        return x * x.sum().item()

    def method(self, x):
        return x * x.sum().item()


def compiled_in_place():
    model = Looking()
    model.compile()
    return model


WARNING = {"function": lambda: compiled(lambda x: x * x.sum().item()), "module": lambda: compiled(Looking()), "in place": compiled_in_place,
           "method": lambda: compiled(Looking().method), "inside a module": lambda: torch.nn.Sequential(compiled(Looking()))}


@pytest.mark.parametrize("made", WARNING.values(), ids=WARNING)
def test_a_warning_points_at_the_line_that_calls(made):
    f = made()
    with pytest.warns(UserWarning, match="runs as written") as caught:
        _, line = f(ONE), sys._getframe().f_lineno
    assert [(warning.filename, warning.lineno) for warning in caught] == [(__file__, line)]


# ---- reset and limits

def test_reset_forgets_recordings_and_refusals():
    f, g = compiled(), compiled(lambda x: x.item())
    with pytest.warns(UserWarning, match="item"):
        g(ONE)
    f(ONE)
    assert f._rushlight_work.recordings and g._rushlight_work.refused
    dynamo.reset()
    assert not f._rushlight_work.recordings and g._rushlight_work.refused is None and f(ONE) == COMPILED


def test_a_compiled_function_that_nobody_holds_is_gone():
    from rushlight.compiler.compiled import everything
    f = compiled(lambda x: x * 2)
    f(ONE)
    f(ONE)
    before = len(everything)
    del f
    gc.collect()
    assert len(everything) < before


def test_beyond_recompile_limit_other_calls_run_as_written():
    f = compiled(recompile_limit=2)
    with pytest.warns(UserWarning, match="2 recordings"):
        assert shapes(f, 4) == [COMPILED, COMPILED, WRITTEN, WRITTEN]


# ---- stances

def test_force_eager_runs_compiled_functions_as_written():
    f = compiled()
    f(ONE)
    with compiler.set_stance("force_eager"):
        assert f(ONE) == WRITTEN
    assert f(ONE) == COMPILED


def test_eager_on_recompile_replays_what_there_is():
    f = compiled()
    f(ONE)
    with compiler.set_stance("eager_on_recompile"):
        assert shapes(f, 2) == [COMPILED, WRITTEN]
    assert f._rushlight_work.made == 1


def test_fail_on_recompile_is_an_error_where_nothing_fits():
    f = compiled()
    f(ONE)
    with compiler.set_stance("fail_on_recompile"):
        assert f(ONE) == COMPILED
        with pytest.raises(RuntimeError, match=r"^Detected recompile when torch.compile stance is 'fail_on_recompile'. filename: '.*test_api.py', "
                                               r"function name: 'telling', line number: \d+$"):
            f(torch.ones(2))


def test_a_stance_is_also_a_call_and_a_decorator():
    f = compiled()

    @compiler.set_stance("force_eager")
    def g():
        return f(ONE).item()
    assert (f(ONE), g(), f(ONE)) == (COMPILED, WRITTEN, COMPILED)
    compiler.set_stance("force_eager")
    assert f(ONE) == WRITTEN
    compiler.set_stance("default")
    assert f(ONE) == COMPILED


def test_wrong_stances_are_errors():
    with pytest.raises(RuntimeError, match="^non-default stance cannot have force_backend set$"):
        compiler.set_stance("force_eager", force_backend="numpy")
    with compiler.set_stance("foo"), pytest.raises(RuntimeError, match="^invalid torch.compile stance"):
        compiled()(ONE)
    with compiler.set_stance(force_backend="foo"), pytest.raises(dynamo.exc.InvalidBackend):
        compiled()(ONE)


def test_a_forced_backend_is_that_of_new_recordings():
    f = compiled()
    with compiler.set_stance(force_backend="interpreter"):
        assert f(ONE) == COMPILED and f(ONE) == COMPILED
    assert [made.settings["backend"] for made in f._rushlight_work.recordings] == ["interpreter"]


# ---- settings and torch._dynamo

@pytest.mark.parametrize("settings", [{"dynamic": True}, {"dynamic": False}, {"mode": "max-autotune"}, {"options": {"triton.cudagraphs": True}},
                                      {"name": "step"}, {"isolate_recompiles": True}])
def test_settings_that_change_nothing_are_accepted(settings):
    f = compiled(**settings)
    assert f(ONE) == COMPILED and f(ONE) == COMPILED


def test_an_unknown_backend_raises_dynamos_class():
    with pytest.raises(dynamo.exc.InvalidBackend, match="^Invalid backend: 'foo', see `torch._dynamo.list_backends\\(\\)` for available backends.\n"):
        torch.compile(telling, backend="foo")
    assert issubclass(dynamo.exc.InvalidBackend, RuntimeError)


def test_dynamo_serves_what_programs_use():
    import importlib
    assert importlib.import_module("rushlight._dynamo.eval_frame").OptimizedModule is dynamo.OptimizedModule is compiler.OptimizedModule
    dynamo.config.suppress_errors, kept = True, dynamo.config.suppress_errors
    dynamo.config.suppress_errors = kept
    assert (dynamo.reset, dynamo.disable, dynamo.list_backends) == (compiler.reset, compiler.disable, compiler.list_backends)
    f = compiled(lambda x: dynamo.graph_break() or telling(x))
    with pytest.warns(UserWarning, match="graph_break"):
        assert f(ONE) == WRITTEN
