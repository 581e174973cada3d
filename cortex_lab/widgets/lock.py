"""The one lock around every write to a widget and every message from a page."""

import threading

widget_lock = threading.RLock()
