"""Writes the list of curl's options from curl's source: `curl_options.py src/tool_getparam.c`."""

import re
import sys
from pathlib import Path
from textwrap import fill

TARGET = Path(__file__).parents[1] / "addon" / "hublet_router" / "cli" / "curl_options.py"

_OPTION = re.compile(r"""^  \{"([\w.-]+)",\s*ARG_(\w+)[|\w]*,\s*'(.)',\s*C_\w+\}""", re.MULTILINE)


def generated(source: str) -> str:
    """Return the module for the text of `tool_getparam.c`."""
    found = _OPTION.findall(source)
    flags = [name for name, kind, _ in found if kind in {"NONE", "BOOL"}]
    values = [name for name, kind, _ in found if kind not in {"NONE", "BOOL"}]
    letters = [f"{letter}={name}" for name, _, letter in found if letter != " "]
    return "\n".join(
        [
            '"""Every option of curl 8, as tests/curl_options.py has read them in its source."""',
            "",
            *_words(
                "FLAGS", flags, "Long options without a value; most can be undone with `--no-`."
            ),
            *_words("VALUES", values, "Long options with a value."),
            *_words("LETTERS", sorted(letters), "Short options, with their long names."),
        ]
    )


def _words(name: str, words: list[str], meaning: str) -> list[str]:
    lines = fill(" ".join(words), 96, break_on_hyphens=False, break_long_words=False)
    indented = [f"    {line}" for line in lines.splitlines()]
    return [f'{name} = """', *indented, '"""', f'"""{meaning}"""', ""]


if __name__ == "__main__":
    TARGET.write_text(generated(Path(sys.argv[1]).read_text("utf-8")))
