"""Where in the program the library was called."""
import threading
import warnings

from rushlight.core import program


def called_from(module, function):
    """function(), called by code of a module of that name."""
    names = {"__name__": module, "function": function}
    exec("def call():\n    return function()", names)
    return names["call"]()


def test_the_programs_frame_is_behind_those_of_the_library_and_of_pythons_own_modules():
    frame = called_from("rushlight.nn.module", lambda: called_from("functools", lambda: called_from("rushlight", program.users_frame)))
    assert frame.f_globals is globals()


def test_the_program_is_where_the_main_module_is():
    assert called_from("__main__", program.users_line).endswith(":2")


def test_a_thread_without_the_programs_code_has_no_line():
    names = {"__name__": "rushlight.made", "users_line": program.users_line, "told": []}
    exec("def look():\n    told.append(users_line())", names)
    thread = threading.Thread(target=names["look"])
    thread.start()
    thread.join()
    assert names["told"] == [""]


def test_a_warning_is_shown_once_for_each_line_of_the_program():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(2):
            called_from("rushlight", lambda: program.warn_user("odd"))
        called_from("rushlight", lambda: program.warn_user("odd"))
    assert len(caught) == 2 and {warning.filename for warning in caught} == {__file__}
