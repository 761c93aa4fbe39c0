"""From `hublets.yaml` to a `core.table.Table`, or to every fault that the file has.

`load` reads a file and decides its examples, `yaml_file` gives its nodes, `structure` checks them
against the schema, and `parse`, `rules` and `accounts` make values of them and check what a schema
cannot say.
"""

from .errors import TableError
from .load import DEFAULT_TABLE, load, loads, table_path

__all__ = ["DEFAULT_TABLE", "TableError", "load", "loads", "table_path"]
