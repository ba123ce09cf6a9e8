"""torch._dynamo.utils: `counters`, in which nothing is counted here."""
from __future__ import annotations

import collections

counters: collections.defaultdict = collections.defaultdict(collections.Counter)
