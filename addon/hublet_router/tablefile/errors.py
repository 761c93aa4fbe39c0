"""What is wrong with a table's file."""

from dataclasses import dataclass

type Position = tuple[int, int]
"""A line and a column, both counted from 1."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a table: where (1-based), what, and what to do.

    `file` is None where it is the table's own.
    """

    line: int
    column: int
    text: str
    file: str | None = None


class Faults:
    """Collects the faults of a file, so that one run reports them all."""

    def __init__(self) -> None:
        self.found: list[Fault] = []

    def add(self, at: Position, text: str, file: str | None = None) -> None:
        """Add a fault at a position of the table's file, or of another one."""
        plain = text.encode(errors="backslashreplace").decode()  # YAML can hold lone surrogates
        self.found.append(Fault(*at, plain, file))


class TableError(Exception):
    """A table that cannot be used: one line for each fault, `file:line:column: what`."""

    def __init__(self, name: str, faults: list[Fault]) -> None:
        self.faults = sorted(faults, key=lambda fault: (fault.line, fault.column))
        self.messages = [f"{f.file or name}:{f.line}:{f.column}: {f.text}" for f in self.faults]
        super().__init__("\n".join(self.messages))
