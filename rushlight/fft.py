"""torch.fft: discrete Fourier transforms. They load on first use (PEP 562)."""
from __future__ import annotations

from typing import Any

from .core.out import accepts_out
from .torch_alias import missing

FUNCTIONS = """fft ifft fft2 ifft2 fftn ifftn rfft irfft rfft2 irfft2 rfftn irfftn hfft ihfft hfft2 ihfft2 hfftn ihfftn
    fftfreq rfftfreq fftshift ifftshift"""
__all__ = list(FUNCTIONS.split())


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise missing(__name__, name)
    from .ops import fft as home
    value = getattr(home, name)
    value = globals()[name] = value if name.endswith("freq") else accepts_out(value, __name__, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
