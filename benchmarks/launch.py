"""Start one program, wait for its end, and write its times and memory: the smallest parent.

python -I -S launch.py FILE RUNNING COMMAND...

A new process begins as a copy of the parent, and the system counts the copy into the peak memory of
the process. So the parent is this program, which imports next to nothing. FILE gets: exit code,
start on the monotonic clock, seconds, seconds of processors, peak memory of the program and of this
parent in the system's unit. RUNNING gets the id of the process before the program begins.
"""

import os
import resource
import sys
import time


def main(file: str, running: str, command: list[str]) -> None:
    """Run the command to the end."""
    started = time.monotonic()
    process = os.fork()
    if not process:
        with open(running, "w", encoding="ascii") as out:  # noqa: PTH123 - pathlib costs memory
            out.write(str(os.getpid()))
        os.execvp(command[0], command)
    _, status, used = os.wait4(process, 0)
    seconds = time.monotonic() - started
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cpu = used.ru_utime + used.ru_stime
    figures = (os.waitstatus_to_exitcode(status), started, seconds, cpu, used.ru_maxrss, own)
    with open(file, "w", encoding="ascii") as out:  # noqa: PTH123 - pathlib costs memory
        out.write(" ".join(map(repr, figures)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
