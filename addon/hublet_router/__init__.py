"""Hublet Router: sends API calls to the regional deployment that their credential names.

`core` decides, `tablefile` reads the table, `proxy` does it inside mitmproxy, `demo` shows it.
"""

__version__ = "0.1.0"
