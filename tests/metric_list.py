"""The list of metrics that the manual shows; `make readme` writes it there."""

import re
from pathlib import Path
from typing import NamedTuple

from prometheus_client.metrics import Histogram, MetricWrapperBase

from hublet_router.proxy.addon import HubletRouter
from hublet_router.proxy.observe.counters import Counters

PAGE = Path(__file__).parents[1] / "addon" / "docs" / "operating.md"
PLACE = re.compile(r"(?<=<!-- metrics -->\n).*?(?=<!-- end of metrics -->)", re.DOTALL)


class Row(NamedTuple):
    """What an operator has to know of a metric."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str
    buckets: tuple[float, ...] = ()


def rows() -> list[Row]:
    """Return every metric: those that the router counts, and those that its features offer."""
    router = HubletRouter()
    features = [router.live, *router.metrics.features]
    counters = Counters(features)  # kept: in Python 3.13.0, `vars` do not keep what they hold
    found = [
        Row(it._name, str(it._type), tuple(it._labelnames), it._documentation, buckets(it))
        for it in vars(counters).values()
        if isinstance(it, MetricWrapperBase)
    ]
    found += [
        Row(it.name, it.kind, it.labels, it.meaning)
        for feature in features
        for it in feature.measurements()
    ]
    return [
        row._replace(name=f"{row.name}_total") if row.kind == "counter" else row for row in found
    ]


def buckets(metric: MetricWrapperBase) -> tuple[float, ...]:
    """Return the bounds of a histogram, but for the last one, which is infinite."""
    return tuple(metric._kwargs["buckets"]) if isinstance(metric, Histogram) else ()


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
