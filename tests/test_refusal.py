"""The router's own answers."""

import json

import pytest

from hublet_router.core.decide import Reason, refuse
from hublet_router.proxy.refusal import answer

STATUSES = {
    Reason.LEGACY: 401,
    Reason.ANONYMOUS: 401,
    Reason.UNKNOWN_HUBLET: 421,
    Reason.CONFLICT: 400,
    Reason.FOREIGN_HOST: 421,
    Reason.TOO_LARGE: 413,
    Reason.NO_TABLE: 503,
    Reason.INTERNAL_ERROR: 503,
}


def test_every_reason_that_can_refuse_has_its_answer() -> None:
    assert set(STATUSES) == set(Reason) - {Reason.CREDENTIAL}


@pytest.mark.parametrize(("reason", "status"), STATUSES.items(), ids=STATUSES)
def test_an_answer_is_a_problem_document_with_proxy_status(reason: Reason, status: int) -> None:
    response = answer(refuse(reason, "api-key", "0123456789ab"), "GET")
    problem = json.loads(response.raw_content or b"")
    assert response.status_code == problem["status"] == status
    assert response.reason == problem["title"]
    assert problem["reason"] == reason
    assert problem["detail"].endswith(".")
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["proxy-status"].startswith("hublet-router; error=")
    assert response.headers["proxy-status"].endswith(f'; details="{reason}"')
    assert response.headers["content-length"] == str(len(response.raw_content or b""))


def test_an_answer_to_head_has_no_body_and_says_how_long_it_would_be() -> None:
    response = answer(refuse(Reason.CONFLICT), "HEAD")
    assert response.raw_content == b""
    assert int(response.headers["content-length"]) > 100
