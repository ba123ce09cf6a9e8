"""2,000 damaged files: each loads, or raises one of the two documented exceptions, soon."""
import warnings

from .fuzz import run


def test_damaged_files_raise_nothing_but_the_two_documented_exceptions():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outcomes, longest = run(667, seed=2)
    assert longest < 5
    # The cases are worth something only if many get past the first checks, and many do not.
    assert all(tally["loaded"] > 20 and tally["RuntimeError"] > 20 for tally in outcomes.values()), outcomes
    assert outcomes["zip"]["UnpicklingError"] > 100 and outcomes["legacy"]["UnpicklingError"] > 100
