"""What happens to one request: retargeted, passed on or refused, and annotated."""
