"""Time, in one place: both clocks of a machine, the judge of what time to believe, and the bounds that it uses.

Nothing else reads the machine's clock, and nothing measures a duration by it.
"""

from refbus.clock.clock import Clock, Dated, Standing, Told, tell
from refbus.clock.judge import CLOCK_SKEW_MS
from refbus.clock.sources import Sources, clock_from, machine_ms, sources_from, steady_ms

__all__ = [
    "CLOCK_SKEW_MS",
    "Clock",
    "Dated",
    "Sources",
    "Standing",
    "Told",
    "clock_from",
    "machine_ms",
    "sources_from",
    "steady_ms",
    "tell",
]
