"""The answer to a refused request."""

import json

import pytest

from hublet_router.core.decision import Reason, refuse
from hublet_router.core.problem import FAILURES, failure, problem
from shipped_table import SHIPPED

STATUSES = {
    Reason.LEGACY: 401,
    Reason.ANONYMOUS: 401,
    Reason.UNKNOWN_HUBLET: 421,
    Reason.CONFLICT: 400,
    Reason.FOREIGN_HOST: 421,
    Reason.UNREADABLE: 400,
    Reason.STRAY: 400,
    Reason.TOO_LARGE: 413,
    Reason.NO_TABLE: 503,
    Reason.INTERNAL_ERROR: 503,
}


def test_every_reason_that_can_refuse_has_its_answer() -> None:
    assert set(STATUSES) == set(Reason) - {Reason.CREDENTIAL, Reason.MOVED, Reason.PINNED}


@pytest.mark.parametrize(("reason", "status"), STATUSES.items(), ids=STATUSES)
def test_an_answer_is_a_problem_document_with_proxy_status(reason: Reason, status: int) -> None:
    answer = problem(refuse(reason, "api-key", "0123456789ab"))
    document = json.loads(answer.body)
    assert answer.status == document["status"] == status
    assert answer.status.phrase == document["title"]
    assert document["reason"] == reason
    assert document["detail"].endswith(".")
    assert answer.fields["Content-Type"] == "application/problem+json"
    assert answer.fields["Proxy-Status"].startswith("hublet-router; error=")
    assert answer.fields["Proxy-Status"].endswith(f'; details="{reason}"')


@pytest.mark.parametrize(
    ("rule", "status"),
    [("refresh-token", 415), ("private-app-token", 400), (None, 400), ("unlisted", 400)],
)
def test_what_cannot_be_read_of_a_body_is_a_media_type(rule: str | None, status: int) -> None:
    assert problem(refuse(Reason.UNREADABLE, rule), SHIPPED).status == status
    assert problem(refuse(Reason.LEGACY, rule), SHIPPED).status == 401


@pytest.mark.parametrize("error", [*FAILURES, "another", None])
@pytest.mark.parametrize("hublet", ["eu1", None])
def test_a_failure_names_its_hublet_and_its_error(hublet: str | None, error: str | None) -> None:
    answer = failure(hublet, error)
    document = json.loads(answer.body)
    known = error if error in FAILURES else "destination_unavailable"
    hop = f'; next-hop="{hublet}"' if hublet else ""
    assert answer.status == document["status"] == (504 if error == "connection_timeout" else 502)
    assert (document["reason"], document.get("hublet")) == (known, hublet)
    assert document["detail"].startswith(f"Hublet {hublet} " if hublet else "The server ")
    assert answer.fields["Proxy-Status"] == f"hublet-router{hop}; error={known}"
