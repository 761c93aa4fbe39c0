"""Writes the list of curl's options from curl's source: `curl_options.py src/tool_getparam.c`."""

import re
import sys
from pathlib import Path
from textwrap import fill

TARGET = Path(__file__).parents[1] / "addon" / "hublet_router" / "cli" / "curl_options.txt"

_OPTION = re.compile(r"""^  \{"([\w.-]+)",\s*ARG_(\w+)[|\w]*,\s*'(.)',\s*C_\w+\}""", re.MULTILINE)


def generated(source: str) -> str:
    """Return the three lists for the text of `tool_getparam.c`."""
    found = _OPTION.findall(source)
    flags = [name for name, kind, _ in found if kind in {"NONE", "BOOL"}]
    values = [name for name, kind, _ in found if kind not in {"NONE", "BOOL"}]
    letters = [f"{letter}={name}" for name, _, letter in found if letter != " "]
    return "\n\n".join(map(_lines, (flags, values, sorted(letters)))) + "\n"


def _lines(words: list[str]) -> str:
    return fill(" ".join(words), 100, break_on_hyphens=False, break_long_words=False)


if __name__ == "__main__":
    TARGET.write_text(generated(Path(sys.argv[1]).read_text("utf-8")))
