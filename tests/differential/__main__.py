"""`make differential`: 20,000 requests, what each server reads in them, and what that proves."""

import sys

from .attempts import attempts
from .comparison import compare, dialect_table
from .stock import running


def main(number: int) -> None:
    with running() as ports:
        print(f"{number:,} requests, of which each goes to {', '.join(ports)}", flush=True)
        result = compare(attempts(number), ports)
    print(dialect_table(result, [*ports]))
    print(f"\n{result.routed:,} routed, {number - result.routed:,} refused")
    for it in result.findings:
        print(
            f"\nFOUND: {it.server} reads a credential of {it.attempt.hublet}, routed to {it.hublet}"
        )
        print(
            it.attempt.dialect.place, it.attempt.dialect.label, it.attempt.spelling, it.attempt.raw
        )
    print(f"{len(result.findings)} findings")
    sys.exit(bool(result.findings))


main(int(sys.argv[1]) if sys.argv[1:] else 20_000)
