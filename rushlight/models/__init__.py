"""Models whose state_dicts bear the names of the public weight files, each loaded when it is first used."""
from __future__ import annotations

from ..torch_alias import module_getattr

#: every public name, by the file that defines it
NAMES = {
    "mlp": "MLP",
    "resnet": "BasicBlock Bottleneck ResNet resnet18 resnet34 resnet50 resnet101 resnet152",
    "char_lstm": "CharLSTM pretrained_char_lstm",
    "char_gpt": "CharGPT",
}

__all__ = [name for names in NAMES.values() for name in names.split()]

__getattr__ = module_getattr(__name__, {**dict(zip(NAMES, NAMES)), **{name: home for home, names in NAMES.items() for name in names.split()}})


def __dir__() -> list[str]:
    return sorted({*__all__, *NAMES, *globals()})
