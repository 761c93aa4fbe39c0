"""From a file to a table that has proved its examples."""

import hashlib
from pathlib import Path

from ..core.decide import Action, decide
from ..core.table import Example, Fault, Table, TableError
from .parse import parse


def load(path: Path) -> Table:
    """Read a table and decide its examples; raise TableError with every fault of the file."""
    try:
        text = path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise TableError(
            str(path),
            [Fault(1, 1, f"cannot be read: {reason}; name a table with --set hublets=FILE")],
        ) from error
    return loads(text, name=str(path))


def loads(text: bytes, *, name: str = "hublets.yaml") -> Table:
    """Make a table from the text of a file; raise TableError with every fault that it has."""
    table = parse(text, name=name, version=hashlib.sha256(text).hexdigest()[:12])
    faults = [fault for example in table.examples if (fault := _disproved(table, example))]
    if faults:
        raise TableError(name, faults)
    return table


def _disproved(table: Table, example: Example) -> Fault | None:
    decision = decide(table, example.request)
    if decision.action is Action.REFUSE:
        if example.refused == decision.reason:
            return None
        got = f"is refused ({decision.reason})"
    else:
        if decision.hublet is not None and example.hublet == decision.hublet:
            return None
        got = f"goes to {decision.hublet or 'the host that it names'} ({decision.reason})"
    wanted = f"go to {example.hublet}" if example.hublet else f"be refused ({example.refused})"
    text = f"this example must {wanted}, but it {got}; mend the rules or the example"
    return Fault(example.line, example.column, text)
