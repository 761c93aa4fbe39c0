"""A proof that a pattern takes linear time; it knows nothing of the rest of the package."""
