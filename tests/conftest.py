"""Hypothesis settings for every test: the same examples each run, no deadlines (machines differ)."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "certify", deadline=None, derandomize=True, max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.register_profile("thorough", settings.get_profile("certify"), max_examples=3000)
settings.load_profile("certify")
