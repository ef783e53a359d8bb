"""`python -m tap_usage`."""

from tap_usage.tap import TapUsage

TapUsage.cli()
