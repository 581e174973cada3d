"""The one lock around every write to a widget and every message from a page."""

import threading

from cortex_lab.ground import forks

widget_lock = forks.freed(threading.RLock())
