"""torch._dynamo.config: settings that programs make. They are kept, and change nothing here."""
from __future__ import annotations

suppress_errors = False
verbose = False
cache_size_limit = recompile_limit = 8
accumulated_cache_size_limit = accumulated_recompile_limit = 256
automatic_dynamic_shapes = assume_static_by_default = True
dynamic_shapes = True
capture_scalar_outputs = capture_dynamic_output_shape_ops = False
optimize_ddp = True
disable = False
