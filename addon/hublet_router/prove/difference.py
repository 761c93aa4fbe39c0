"""What became of a request on another engine, beside what the table decides."""

from collections.abc import Sequence

from ..core.decision import Decision
from ..core.judge import decide
from ..core.problem import problem
from ..core.request import Request
from ..core.table import Table
from ..verify.exchange import Answer
from .upstreams import Arrival

_OF_THE_CONNECTION = {"connection", "content-length", "transfer-encoding"}
_FOR_THE_PROXY = "proxy-authorization"  # RFC 9110 section 11.7.2: it goes no further


def difference(
    table: Table, request: Request, answer: Answer, arrived: Sequence[Arrival]
) -> str | None:
    """Return what is not as the table decides, None if all is.

    The upstream of the decision has to get the request, and no other one may: with its own method,
    target, hosts, fields and body, under the right name, and such that it is decided so again.
    """
    decision = decide(table, request)
    if len(arrived) > 1:
        return f"arrived {len(arrived)} times"
    if not arrived:
        return _unsent(table, decision, answer)
    ((upstream, got, name),) = arrived
    if not decision.upstream:
        return f"arrived at {upstream}, but it is {decision.summary}"
    if upstream != str(decision.upstream) or decide(table, got) != decision:
        return f"arrived at {upstream}, but it is {decision.summary}"
    parts = {
        "method": (got.method, request.method),
        "target": (got.target, request.target),
        "host": (got.hosts, request.hosts),
        "fields": (_fields(got), [it for it in _fields(request) if it[0] != _FOR_THE_PROXY]),
        "body": (got.body, request.body),
        "server name": (name, _server_name(decision, request)),
    }
    changed = [what for what, (sent, given) in parts.items() if sent != given]
    return f"arrived with another {', '.join(changed)}" if changed else None


def _unsent(table: Table, decision: Decision, answer: Answer) -> str | None:
    if decision.upstream:
        return f"answered with {answer.status}, but it is {decision.summary}"
    wanted = problem(decision, table).status
    return None if answer.status == wanted else f"answered with {answer.status}, not {wanted}"


def _fields(request: Request) -> list[tuple[str, str]]:
    # RFC 9110 section 5.3: order counts among those of one name. workerd sorts them.
    fields = [(name.lower(), value) for name, value in request.fields]
    return sorted(it for it in fields if it[0] not in {*_OF_THE_CONNECTION, "host"})


def _server_name(decision: Decision, request: Request) -> str | None:
    upstream = decision.upstream
    if not upstream or upstream.scheme != "https":
        return None
    return upstream.server_name(None, request.host or "")
