"""Whether a running router or edge decides as the table says."""
