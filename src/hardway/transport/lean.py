"""asyncssh, loaded without its search for two libraries with further algorithms.

It looks for them by ldconfig, gcc and ld: seven programs at each start, which take longer than all
else that is loaded. Without them hardway speaks the same algorithms from every host.
"""

import ctypes.util

_search = ctypes.util.find_library
ctypes.util.find_library = lambda _name: None  # type: ignore[assignment]
try:
    import asyncssh
    from asyncssh.config import SSHClientConfig, SSHConfig
finally:
    ctypes.util.find_library = _search

__all__ = ["SSHClientConfig", "SSHConfig", "asyncssh"]
