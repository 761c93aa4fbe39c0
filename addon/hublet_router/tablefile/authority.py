"""The file of a CA by which TLS is to be verified, as an option names it."""

import ssl
from pathlib import Path


def fault_of_authority(file: str | Path) -> str | None:
    """Return a sentence about why nothing can be verified by a file, or None."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except ssl.SSLError:
        fault = "holds no certificate that can be read"
    except OSError as error:
        fault = f"cannot be read: {error.strerror}"
    else:
        return None
    return f"{file} {fault}; name a file with the certificate of the CA, in PEM"
