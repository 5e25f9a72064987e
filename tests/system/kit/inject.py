"""Make another process ask its kernel for something, by ptrace.

SPDX-License-Identifier: BSD-2-Clause

The process waits in a system call, so the instruction before the next one is
`syscall`: it is run again with other registers. For x86-64 and root.
"""

import ctypes
import os
import signal

from . import proc
from .proc import LIBC

ATTACH, DETACH, CALL, GET, SET = 16, 17, 24, 12, 13
NAMES = ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax "
         "rip cs eflags rsp ss fs_base gs_base ds es fs gs").split()
ARGUMENTS = ("rdi", "rsi", "rdx", "r10", "r8", "r9")

LIBC.ptrace.restype = ctypes.c_long
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p,
                        ctypes.c_void_p]


class Registers(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in NAMES]


def _ptrace(what, pid, data=None):
    if LIBC.ptrace(what, pid, None, data) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {what}")


def _stop(pid):
    """The signal that the process has stopped for."""
    _, status = os.waitpid(pid, 0x40000000)  # __WALL
    assert os.WIFSTOPPED(status), f"pid {pid} ended: {status:#x}"
    return os.WSTOPSIG(status)


def _goes_on_to(pid, edge):
    """The next stop, which is one of the call's two edges."""
    _ptrace(CALL, pid)
    got = _stop(pid)
    assert got == signal.SIGTRAP, f"stopped for {got} at the {edge}"


def _is_trapped(pid):
    pending = int(proc.status(pid)["SigPnd"], 16)
    return pending >> (signal.SIGSYS - 1) & 1 == 1


def system_call(pid, number, *arguments):
    """What the call returns (-errno if it fails), or None if the process
    gets a SIGSYS for it, which it then has to cope with."""
    was, now = Registers(), Registers()
    _ptrace(ATTACH, pid)
    try:
        assert _stop(pid) == signal.SIGSTOP
        _ptrace(GET, pid, ctypes.addressof(was))
        _ptrace(GET, pid, ctypes.addressof(now))
        now.rax, now.orig_rax = number, 2**64 - 1
        now.rip -= 2
        for name, value in zip(ARGUMENTS, arguments):
            setattr(now, name, value % 2**64)
        _ptrace(SET, pid, ctypes.addressof(now))
        _goes_on_to(pid, "entry")
        _goes_on_to(pid, "exit")
        if _is_trapped(pid):
            return None
        _ptrace(GET, pid, ctypes.addressof(now))
        _ptrace(SET, pid, ctypes.addressof(was))
    finally:
        _ptrace(DETACH, pid)
    return ctypes.c_longlong(now.rax).value
