"""What a recorder knows of arrays while it listens."""
import sys

import numpy as np

from rushlight.compiler.capture import Recorder
from rushlight.compiler.reach import Reach


def test_an_array_that_goes_is_forgotten_without_a_function_in_which_an_interrupt_would_be_lost():
    recorder = Recorder(Reach(lambda: None, (), {}))
    array, frames = np.ones(3), []
    recorder.new_value(array)
    sys.setprofile(lambda frame, event, argument: event == "call" and frames.append(frame.f_code.co_name))
    del array
    sys.setprofile(None)
    assert not recorder.values and not recorder.storages and not frames
