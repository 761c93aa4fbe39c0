"""A request that keeps how the names of its fields were spelled, for whoever sends it on."""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Self

from .request import Request, fold_field


@dataclass(frozen=True, repr=False)
class SpelledRequest(Request):
    """A request with the `names` of its fields as they were given, in their order.

    A decision sees them folded, in `headers`.
    """

    names: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        method: str,
        url: str,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        body: bytes | str = b"",
    ) -> Self:
        """Return the same as `Request.of`, with the names."""
        pairs = [*(headers.items() if isinstance(headers, Mapping) else headers)]
        request = super().of(method, url, pairs, body)
        return replace(request, names=tuple([name for name, _ in pairs]))

    @classmethod
    def with_fields(cls, request: Request, fields: Iterable[tuple[str, str]]) -> Self:
        """Return a request with other fields, whose names are as given."""
        given = [*fields]
        headers = tuple([(fold_field(name), value) for name, value in given])
        names = tuple([name for name, _ in given])
        return cls(
            request.method, request.hosts, request.target, headers, request.body, request.sni, names
        )  # fmt: skip


def spelled_fields(request: Request) -> list[tuple[str, str]]:
    """Return the fields of a request, each under its own spelling where one was kept."""
    kept: dict[str, deque[str]] = defaultdict(deque)
    for name in request.names if isinstance(request, SpelledRequest) else ():
        kept[fold_field(name)].append(name)
    return [
        (kept[name].popleft() if kept[name] else name, value) for name, value in request.headers
    ]
