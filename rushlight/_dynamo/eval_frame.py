"""torch._dynamo.eval_frame: where programs find the class of compiled modules."""
from ..compiler.compiling import OptimizedModule

__all__ = ["OptimizedModule"]
