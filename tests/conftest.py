"""Settings of the whole suite."""

from hypothesis import HealthCheck, settings

# Machines are shared and slow at times: how long an example takes says nothing about the law.
settings.register_profile(
    "prewarm", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("prewarm")
