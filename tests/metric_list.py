"""The list of metrics that the manual shows; `make readme` writes it there."""

import re
from pathlib import Path
from types import SimpleNamespace

from hublet_router.proxy.observe.instruments import Instruments, Row

PAGE = Path(__file__).parents[1] / "addon" / "docs" / "operating.md"
PLACE = re.compile(r"(?<=<!-- metrics -->\n).*?(?=<!-- end of metrics -->)", re.DOTALL)


def rows() -> list[Row]:
    """Return every metric of the router."""
    nothing = SimpleNamespace(table=None, source=None, decision_log=SimpleNamespace(file=None))
    return Instruments(nothing).listed


def metric_list() -> str:
    """Return the list as it has to stand in the manual."""
    lines = ["| metric | type | labels | meaning |", "| --- | --- | --- | --- |"]
    for row in rows():
        labels = ", ".join(f"`{label}`" for label in row.labels)
        meaning = row.meaning
        if row.buckets:
            meaning += f" Buckets: {', '.join(map(duration, row.buckets))}."
        lines.append(f"| `{row.name}` | {row.kind} | {labels} | {meaning} |")
    return "\n".join(lines) + "\n"


def duration(seconds: float) -> str:
    """Return a time as people write it."""
    for size, unit in ((1, "s"), (1e-3, "ms")):
        if seconds >= size:
            return f"{seconds / size:g} {unit}"
    return f"{seconds * 1e6:g} µs"


if __name__ == "__main__":
    PAGE.write_text(PLACE.sub(lambda _: metric_list(), PAGE.read_text()))
