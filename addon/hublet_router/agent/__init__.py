"""The SPOE agent: HAProxy asks it, and the core decides."""
