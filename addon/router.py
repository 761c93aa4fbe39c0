"""What `mitmdump -s addon/router.py` loads: a door, no logic."""

import sys

# mitmproxy runs only this file again when it changes; without this the package would stay old.
for name in [name for name in sys.modules if name.partition(".")[0] == "hublet_router"]:
    del sys.modules[name]

from hublet_router.addons import addons  # noqa: E402, F401
