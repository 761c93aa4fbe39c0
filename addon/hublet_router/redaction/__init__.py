"""Recordings without their secrets, in which every decision stays the same."""
