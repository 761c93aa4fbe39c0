"""From `hublets.yaml` to a `core.table.Table`, or to every fault that the file has.

`load` reads a file and proves its examples, `parse` reads the whole document, `rules` its
credentials, and `nodes` keeps the positions that faults point at.
"""

from .errors import TableError
from .load import load, loads

__all__ = ["TableError", "load", "loads"]
