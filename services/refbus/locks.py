"""Locks on open files, on every system: held until the file is closed, also when its process is killed.

One holds it alone, or several share it. Two open files of one process hold against each other like those of two. It is
the only module that knows the locks of a system; a test finds others.
"""

from __future__ import annotations

import sys

if sys.platform == "win32":
    import ctypes
    import errno
    import msvcrt
    from ctypes import wintypes

    _kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    _ALONE = 2  # LOCKFILE_EXCLUSIVE_LOCK
    _AT_ONCE = 1  # LOCKFILE_FAIL_IMMEDIATELY
    _HELD = 33  # ERROR_LOCK_VIOLATION
    _FAR = 1 << 30  # in units of 4 GiB: locks keep others from reading there, so it is one byte that no file has

    class _Overlapped(ctypes.Structure):
        _fields_ = (
            ("internal", ctypes.c_size_t),
            ("internal_high", ctypes.c_size_t),
            ("offset", wintypes.DWORD),
            ("offset_high", wintypes.DWORD),
            ("event", wintypes.HANDLE),
        )

    def take(handle: int, *, shared: bool = False, wait: bool = True) -> None:
        """Lock an open file until it is closed. Raises BlockingIOError when it is held and `wait` is off, OSError."""
        file = wintypes.HANDLE(msvcrt.get_osfhandle(handle))
        flags = (0 if shared else _ALONE) | (0 if wait else _AT_ONCE)
        place = _Overlapped(offset_high=_FAR)
        if not _kernel.LockFileEx(file, wintypes.DWORD(flags), wintypes.DWORD(0), 1, 0, ctypes.byref(place)):
            error = ctypes.get_last_error()
            if error == _HELD:
                raise BlockingIOError(errno.EAGAIN, "held by another")
            raise ctypes.WinError(error)

else:
    import fcntl

    def take(handle: int, *, shared: bool = False, wait: bool = True) -> None:
        """Lock an open file until it is closed. Raises BlockingIOError when it is held and `wait` is off, OSError."""
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
