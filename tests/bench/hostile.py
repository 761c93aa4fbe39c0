"""What the decision about a hostile request of 64 KiB costs, in any place and of any piece."""

import time
from dataclasses import replace
from pathlib import Path

from hublet_router.core.judge import decide
from hublet_router.core.request import Request
from hublet_router.core.table import Table
from hublet_router.tablefile import load
from test_growth import PIECES, SHAPES, request_of, text_of

SIZE = 64 * 1024 - 256
TURNS = 3
TARGET = 15.0
"""Milliseconds of a decision that are taken to be good."""


def hostile(size: int = SIZE) -> dict[str, float]:
    """Return the least milliseconds of several decisions, by place and piece."""
    table = load(Path(__file__).parents[2] / "hublets.yaml")
    return {
        f"{piece} in {shape}": min(
            _milliseconds(table, request_of(shape, text_of(PIECES[piece], size)))
            for _ in range(TURNS)
        )
        for shape in SHAPES
        for piece in PIECES
    }


def _milliseconds(table: Table, request: Request) -> float:
    fresh, unread = replace(table), replace(request)  # which remember nothing
    begun = time.thread_time()
    decide(fresh, unread)
    return (time.thread_time() - begun) * 1e3
