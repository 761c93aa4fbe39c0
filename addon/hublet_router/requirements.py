"""What has to be installed, as sentences instead of a traceback.

Even an old Python must be able to read this file, so it uses nothing new.
"""

import importlib
import sys


def missing() -> "list[str]":
    """Return one sentence, with the command that fixes it, for all that is missing or too old."""
    sentences = []  # no annotation of ours here is newer than Python 3.0
    if sys.version_info < (3, 12):
        sentences.append(
            "hublet-router needs Python 3.12 or newer, and this is {}.{}; run: python3.13 -m pip"
            " install 'mitmproxy>=12.2.3,<13' PyYAML".format(*sys.version_info)
        )
    try:
        found = importlib.import_module("mitmproxy.version").VERSION
    except ImportError:
        found = "not installed"
    if not (12, 2, 3) <= tuple(map(int, filter(str.isdigit, found.split(".")))) < (13,):
        sentences.append(
            "hublet-router needs mitmproxy 12.2.3 or newer, below 13, and here it is {};"
            " run: {} -m pip install 'mitmproxy>=12.2.3,<13'".format(found, sys.executable)
        )
    try:
        importlib.import_module("yaml")
    except ImportError:
        sentences.append(
            "hublet-router needs PyYAML, and it is not installed;"
            " run: {} -m pip install PyYAML".format(sys.executable)
        )
    return sentences
