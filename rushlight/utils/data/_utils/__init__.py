"""How a DataLoader does its work: samples made a batch, fetched here or by workers, and sent from process to process."""
from __future__ import annotations

from ....torch_alias import module_getattr

#: Seconds after which a worker that waits looks whether its program still lives.
MP_STATUS_CHECK_INTERVAL = 5.0

__getattr__ = module_getattr(__name__, {name: name for name in ("collate", "fetch", "worker", "pin_memory")})
