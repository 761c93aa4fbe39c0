"""The nodes of a YAML file, or what is wrong with it and what to do.

PyYAML's nodes keep the line and column of each value, and keep `no`, `on` and `010` as they are
written, so a fault can point at the file and say what YAML would make of it.
"""

import yaml

from .errors import Faults

_SLIPS = {
    "escape": "in double quotes write \\\\ for each \\, or use single quotes",
    "'\\t' that cannot start any token": "indent with spaces, not with tabs",
    "alphabetic or numeric character": "put a value that begins with * or & in quotes",
    "undefined alias": "put a value that begins with * in quotes",
    "another document": "keep one table in a file, and remove the line ---",
    "that cannot start any token": "put a value that begins with it in quotes",
    "<block end>": "begin the keys of one mapping in the same column, each with ': ' behind it",
    "could not find expected ':'": "write ': ' behind the key",
    "mapping values are not allowed": (
        "put a value that holds ': ' in quotes, and begin keys in the same column"
    ),
    "end of stream": "close the quote",
    "expected ',' or": "put commas between items, quotes around a pattern, and close the bracket",
}
"""What people write, by the words of PyYAML's fault -> what to do."""


def compose(faults: Faults, text: bytes) -> yaml.Node | None:
    """Return the root node of a file, None if it is empty or not YAML."""
    try:
        # Not CSafeLoader: it ends the process (SIGSEGV) on a file that is nested too deep.
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        faults.add(at, f"not YAML: {_sentence(error)}")
    except RecursionError:
        faults.add((1, 1), "not YAML that can be read: it is nested too deep; write it flatter")
    except (yaml.YAMLError, ValueError) as error:
        sentence = " ".join(str(error).split()) or type(error).__name__
        faults.add((1, 1), f"not YAML: {sentence}; save the file as UTF-8 text")
    else:
        if root is None:
            faults.add((1, 1), "the file is empty; it must hold a table")
        return root
    return None


def _sentence(error: yaml.MarkedYAMLError) -> str:
    """Return what is wrong, where it begins if that is another line, and what to do if known."""
    problem = error.problem or error.context or ""
    start, end = error.context_mark, error.problem_mark
    if problem.startswith("but "):
        problem = f"{error.context}, {problem}"
    elif start and end and start.line != end.line:
        problem += f" ({error.context} that begins on line {start.line + 1})"
    fix = next((fix for slip, fix in _SLIPS.items() if slip in problem), None)
    return f"{problem}; {fix}" if fix else problem
