"""What people ask of a table and its requests: why, what if, and is it sound. Pure, as the core."""
