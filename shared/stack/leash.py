"""Starts one program so that it cannot outlive its supervisor; run as a file, imported by nobody.

`python -I -S leash.py PARENT SIGNAL UID GID COMMAND…` leaves root for UID when one is given, asks the kernel to send
SIGNAL when the parent dies (prctl(2), PR_SET_PDEATHSIG), and becomes COMMAND under the same process id. It is a
program of its own because a Python callback between fork and exec may deadlock in a process that has threads, and
because a change of user clears the request: it has to come after.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h

parent, signal, uid, gid = (int(value) for value in sys.argv[1:5])
command = sys.argv[5:]
if uid >= 0:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0)
if os.getppid() != parent:  # the parent died before the request was heard
    sys.exit(1)
os.execv(command[0], command)  # noqa: S606 - the command comes from the supervisor, and no shell is wanted
