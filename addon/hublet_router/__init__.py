"""Hublet Router: sends API calls to the regional deployment that their credential names.

`core` decides, `tablefile` reads the table, `proxy` does it inside mitmproxy, `demo` shows it.
In Python: `load` a table, then `decide` or `explain` a `Request`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = [
    "Decision", "Explanation", "Request", "Table", "TableError", "decide", "explain", "load"
]  # fmt: skip

_HOMES = {
    "Decision": "core.decision",
    "Explanation": "analysis.explanation",
    "Request": "core.request",
    "Table": "core.table",
    "TableError": "tablefile",
    "decide": "core.judge",
    "explain": "analysis.explanation",
    "load": "tablefile",
}

if TYPE_CHECKING:
    from .analysis.explanation import Explanation, explain
    from .core.decision import Decision
    from .core.judge import decide
    from .core.request import Request
    from .core.table import Table
    from .tablefile import TableError, load
else:

    def __getattr__(name):
        """Import a public name on its first use: `requirements` has to come before all of them."""
        if name not in _HOMES:
            raise AttributeError("module 'hublet_router' has no attribute " + repr(name))
        return getattr(import_module("hublet_router." + _HOMES[name]), name)
