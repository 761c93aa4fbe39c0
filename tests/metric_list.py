"""The list of metrics that the README shows; `make readme` writes it there."""

import re
from pathlib import Path
from types import SimpleNamespace

from hublet_router.proxy.observe.instruments import Instruments, Row

README = Path(__file__).parents[1] / "README.md"
PLACE = re.compile(r"(?<=<!-- metrics -->\n).*?(?=<!-- end of metrics -->)", re.DOTALL)


def rows() -> list[Row]:
    """Every metric of the router."""
    nothing = SimpleNamespace(table=None, source=None, decision_log=SimpleNamespace(file=None))
    return Instruments(nothing).listed


def metric_list() -> str:
    """The list as it has to stand in the README."""
    lines = ["| metric | type | labels | meaning |", "| --- | --- | --- | --- |"]
    for row in rows():
        labels = ", ".join(f"`{label}`" for label in row.labels)
        meaning = row.meaning
        if row.buckets:
            meaning += f" Buckets: {', '.join(map(duration, row.buckets))}."
        lines.append(f"| `{row.name}` | {row.kind} | {labels} | {meaning} |")
    return "\n".join(lines) + "\n"


def duration(seconds: float) -> str:
    """A time as people write it."""
    for size, unit in ((1, "s"), (1e-3, "ms")):
        if seconds >= size:
            return f"{seconds / size:g} {unit}"
    return f"{seconds * 1e6:g} µs"


if __name__ == "__main__":
    README.write_text(PLACE.sub(lambda _: metric_list(), README.read_text()))
