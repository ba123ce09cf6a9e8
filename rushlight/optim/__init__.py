"""Optimizers: methods that improve parameters by their gradients, and schedules of the learning rate. Each file loads on first use."""
from __future__ import annotations

from ..torch_alias import module_getattr
from .optimizer import Optimizer

__all__ = ["ASGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "LBFGS", "Muon", "NAdam", "Optimizer", "RAdam", "RMSprop",
           "Rprop", "SGD", "lr_scheduler", "swa_utils"]

__getattr__ = module_getattr(__name__, {
    "lr_scheduler": "lr_scheduler", "swa_utils": "swa_utils", "optimizer": "optimizer",
    **{name: name.lower() for name in __all__ if name[0].isupper() and name != "Optimizer"},
})
