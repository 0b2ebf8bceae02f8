"""mailbatch converges a mailing to what a job file declares.

This module holds the version and nothing that costs import time.
"""

__version__ = "0.1.0"
