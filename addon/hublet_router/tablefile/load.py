"""From a file to a table that has proved its examples."""

import sys
from pathlib import Path

from ..core.decision import Action
from ..core.judge import decide
from ..core.table import Example, Table
from .errors import Fault, TableError
from .parse import parse

DEFAULT_TABLE = "hublets.yaml"


def table_path(name: str | Path) -> Path:
    """Find the table; for the default name, also in the checkout, from whatever directory."""
    path = Path(name).expanduser()
    in_checkout = Path(__file__).parents[3] / DEFAULT_TABLE
    is_elsewhere = str(name) == DEFAULT_TABLE and not path.exists() and in_checkout.exists()
    return in_checkout if is_elsewhere else path


def load(path: str | Path, *, option: str | None = None) -> Table:
    """Read a table and decide its examples; raise TableError with every fault of the file.

    `-` is standard input. `option` is how the caller names a table, for the fault of a file that
    cannot be read.
    """
    try:
        text = sys.stdin.buffer.read() if str(path) == "-" else Path(path).read_bytes()
    except OSError as error:
        fix = f"name a table with {option}" if option else "name another file"
        if option and isinstance(error, FileNotFoundError):
            fix += ", or write one: hublet-router init"
        fault = f"cannot be read: {error.strerror or error}; {fix}"
        raise TableError(str(path), [Fault(1, 1, fault, str(path))]) from error
    return loads(text, name=str(path))


def loads(text: bytes, *, name: str = "hublets.yaml") -> Table:
    """Make a table from the text of a file; raise TableError with every fault that it has.

    The files that it names are looked for beside the one that `name` is the path of.
    """
    table = parse(text, name=name)
    faults = [fault for example in table.examples if (fault := _disproved(table, example))]
    if faults:
        raise TableError(name, faults)
    return table


def _disproved(table: Table, example: Example) -> Fault | None:
    decision = decide(table, example.request)
    refused = decision.reason.value if decision.action is Action.REFUSE else None
    if (decision.hublet, refused) == (example.hublet, example.refused):
        return None
    what = "is refused" if refused else f"goes to {decision.hublet or 'the host that it names'}"
    wanted = f"go to {example.hublet}" if example.hublet else f"be refused ({example.refused})"
    text = f"this example must {wanted}, but it {what} ({decision.reason});"
    return Fault(*example.at, f"{text} fix the rules or the example")
