"""Units of time in milliseconds and seconds: written once, so that nobody counts zeros."""

from __future__ import annotations

from typing import Final

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
HOUR_S: Final = 3_600
DAY_S: Final = 86_400
