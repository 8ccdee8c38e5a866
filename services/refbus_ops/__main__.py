"""`python -m refbus_ops`: the same as `refbus-ops`."""

import sys

from refbus_ops.cli import main

sys.exit(main())
