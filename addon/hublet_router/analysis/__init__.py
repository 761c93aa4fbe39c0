"""Questions about a table and its traffic: why, what if, and is it sound. Pure, as the core."""
