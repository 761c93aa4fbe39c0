"""The proof that a bundle decides as its table: the engine on loopback, before upstreams that note
what arrives.
"""
