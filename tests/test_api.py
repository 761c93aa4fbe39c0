"""What `from hublet_router import …` gives."""

import subprocess
import sys
from pathlib import Path

import pytest

import hublet_router
from hublet_router import Request, decide, explain, load

SHIPPED = Path(__file__).parents[1] / "hublets.yaml"
URL = "https://api.hubapi.com/crm/v3/objects?limit=1#top"
SECRET = "pat-eu1-00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize("path", [SHIPPED, str(SHIPPED)], ids=["path", "text"])
def test_a_request_is_decided_and_explained(path: str | Path) -> None:
    table = load(path)
    request = Request.of("GET", URL, {"AUTHORIZATION": f"Bearer {SECRET}"})
    decision = decide(table, request)
    assert (decision.hublet, decision.reason) == ("eu1", "credential")
    assert explain(table, request).decision == decision
    assert SECRET not in repr(request) + explain(table, request).as_text()


def test_every_public_name_is_there_whatever_was_imported_before() -> None:
    names = ", ".join(hublet_router.__all__)
    program = f"import hublet_router.cli.commands\nfrom hublet_router import {names}\n"
    program += "assert all(map(callable, (decide, explain, load)))"
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=60)
    with pytest.raises(AttributeError, match="'hublet_router' has no attribute 'decides'"):
        getattr(hublet_router, "decides")  # noqa: B009  # mypy knows that it is not there


def test_the_package_is_typed() -> None:
    assert (Path(hublet_router.__path__[0]) / "py.typed").exists()
