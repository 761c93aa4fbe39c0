"""A metric that a feature offers: values that it keeps anyway, looked up at each scrape.

It knows nothing of Prometheus, which is an optional extra; `counters.py` registers it there.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Literal, NamedTuple, Protocol

type Samples = Mapping[tuple[str, ...], float]
"""A value for each set of labels."""


class Measurement(NamedTuple):
    """What Prometheus has to know of a metric, and where its values are."""

    name: str
    kind: Literal["counter", "gauge"]
    meaning: str
    labels: tuple[str, ...]
    samples: Callable[[], Samples]


class Measured(Protocol):
    """A feature that offers metrics."""

    def measurements(self) -> Iterator[Measurement]:
        """Yield each metric."""
