"""A local simulator of the four vendors: the other side of the wire, for tests, demonstrations and trials.

It shares no code with the tap. It follows the vendors' documents strictly, refuses what they do not know, and
misbehaves in every way they are known for when a test asks for it::

    with Sandbox(now="2026-11-22T12:00:00Z") as sandbox:
        sandbox.fault("elasticpath.usages", "status", status=503, times=2)
        run_the_tap(sandbox.config)
        assert sandbox.count("elasticpath.usages", status=503) == 2

``python -m tap_usage.sandbox`` runs it on fixed ports and prints the settings of a tap that reads from it.
"""

from tap_usage.sandbox.faults import Fault
from tap_usage.sandbox.log import Seen
from tap_usage.sandbox.sandbox import ORIGINS, Sandbox
from tap_usage.sandbox.wire import Request

__all__ = ["ORIGINS", "Fault", "Request", "Sandbox", "Seen"]
