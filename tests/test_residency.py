"""Whether requests went, or would go, where each of their credentials says."""

from cases import cases
from hublet_router import Request
from hublet_router.analysis.residency import Residency
from shipped_table import SHIPPED
from synthetic import access_token, api_key, private_app_token

URL = "https://api.hubapi.com/crm/v3/objects/contacts"
EU, NA, UNLISTED = (f"Bearer {private_app_token(name)}" for name in ("eu1", "na1", "zz9"))
NAMES_NONE = f"Bearer {access_token(None)}"


def request(authorization: str | None = None, query: str = "", **headers: str) -> Request:
    if authorization:
        headers["authorization"] = authorization
    return Request.of("GET", f"{URL}{query}", headers)


@cases(
    ("seen", "went", "sentence"),
    {
        "where it says": (request(EU), "eu1", None),
        "not recorded": (request(EU), None, None),
        "astray": (request(EU), "na1", "went to na1; by its credentials: eu1 ← private-app-token"),
        "recorded nonsense": (
            request(EU),
            "pat-secret",
            "went to a name that is not listed; by its credentials: eu1 ← private-app-token",
        ),
        "anonymous": (request(), "na1", None),
        "anonymous, to any": (request(), "eu1", None),
        "names none": (request(NAMES_NONE), "ap1", None),
        "conflict": (
            request(EU, f"?hapikey={api_key('na1')}"),
            "eu1",
            "went to eu1; by its credentials: refused: conflict (private-app-token)",
        ),
        "unlisted": (
            request(UNLISTED),
            "na1",
            "went to na1; by its credentials: refused: unknown-hublet (private-app-token)",
        ),
        "stray": (
            request(**{"x-token": private_app_token("eu1")}),
            "na1",
            "went to na1; by its credentials: refused: stray (private-app-token)",
        ),
        "stray of the default": (
            request(**{"x-token": private_app_token("na1")}),
            "eu1",
            "went to eu1; by its credentials: na1 ← anonymous",
        ),
        "moved": (request(NA, "?portalId=5865761"), "eu1", None),
        "moved since": (
            request(NA, "?portalId=5865761"),
            "na1",
            "went to na1; by its credentials: eu1 ← moved (private-app-token)",
        ),
        "foreign": (request(host="elsewhere.example"), "na1", None),
        "unreadable": (request(EU + "\0"), "na1", None),
    },
)
def test_a_recorded_hublet_is_held_against_the_credentials(
    seen: Request, went: str | None, sentence: str | None
) -> None:
    residency = Residency(SHIPPED)
    assert residency.check(seen, went) == sentence
    assert (residency.requests, residency.recorded) == (1, int(went is not None))
    assert residency.misplaced == (sentence is not None)
    assert residency.unread == seen.has_control_characters


@cases(
    ("policy", "seen", "sentence"),
    {
        "conflict": (
            {"conflict": "first"},
            request(EU, f"?hapikey={api_key('na1')}"),
            "would go to eu1; by its credentials: refused: conflict (private-app-token)",
        ),
        "unknown": (
            {"unknown": "default"},
            request(UNLISTED),
            "would go to na1; by its credentials: refused: unknown-hublet (private-app-token)",
        ),
        "stray": (
            {"stray": "ignore"},
            request(**{"x-token": private_app_token("eu1")}),
            "would go to na1; by its credentials: refused: stray (private-app-token)",
        ),
    },
)
def test_a_lenient_policy_is_held_against_them_too(
    policy: dict[str, str], seen: Request, sentence: str
) -> None:
    assert Residency(SHIPPED.with_policy(**policy)).check(seen, None) == sentence
    assert Residency(SHIPPED).check(seen, None) is None


def test_both_are_named() -> None:
    lenient = Residency(SHIPPED.with_policy(unknown="default"))
    right = "refused: unknown-hublet (private-app-token)"
    sentence = f"went to eu1 and would go to na1; by its credentials: {right}"
    assert lenient.check(request(UNLISTED), "eu1") == sentence
