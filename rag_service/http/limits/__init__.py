"""Limits enforced before the routes: access, number of requests, size and time."""
