"""The demo's signature, held against a published vector."""

from hublet_router.demo.signing import Signature, sign


def test_the_published_vector_of_hubspot_v3() -> None:
    signature = sign(
        "POST",
        "https://www.example.com/webhook_uri",
        b"{'example_field':'example_value'}",
        "1693657560000",
        b"yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy",
    )
    assert signature == "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y="


def test_a_body_in_pieces_signs_as_a_whole_one() -> None:
    signature = Signature("POST", "https://api.hubapi.com/a")
    signature.update(b"one")
    signature.update(b"two")
    assert signature.value("1") == sign("POST", "https://api.hubapi.com/a", b"onetwo", "1")
    assert signature.value("2") != signature.value("1")
