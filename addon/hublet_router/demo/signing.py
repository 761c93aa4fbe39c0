"""The signature that the demo puts on its requests: HubSpot's v3, over method, URL and body.

Source: https://developers.hubspot.com/docs/api/webhooks/validating-requests
"""

import base64
import hashlib
import hmac

SECRET = b"demo-secret-not-a-real-one"
SIGNATURE_HEADER = "X-HubSpot-Signature-v3"
TIMESTAMP_HEADER = "X-HubSpot-Request-Timestamp"


class Signature:
    """A signature in the making; the body comes in pieces."""

    def __init__(self, method: str, url: str, secret: bytes = SECRET) -> None:
        self._hmac = hmac.new(secret, f"{method}{url}".encode("latin-1"), hashlib.sha256)

    def update(self, body: bytes) -> None:
        """Add a piece of the body."""
        self._hmac.update(body)

    def value(self, timestamp: str) -> str:
        """Return the value of the header, in base64. Source: the last part is the timestamp."""
        whole = self._hmac.copy()
        whole.update(timestamp.encode("latin-1"))
        return base64.b64encode(whole.digest()).decode()


def sign(method: str, url: str, body: bytes, timestamp: str, secret: bytes = SECRET) -> str:
    """Return the signature of a whole request; `url` is the one that the client asked for."""
    signature = Signature(method, url, secret)
    signature.update(body)
    return signature.value(timestamp)
