#!/usr/bin/env bash
# One refused address in a Pool.map leaves others without the letter, and the number of processes decides how many and whom: nine on one, one on four.
#
# Versions: Python 3.11 (multiprocessing), PyPI multiprocess 0.70.18, billiard 4.3.2 (the pool of Celery), pathos 0.3.4 with multiprocess.
# Input: Pool(n).map(mail, people) with 64 people, all settings at their defaults; the server refuses person 7, so that mail() raises for her, as
#        smtplib does. The pool is closed and joined, so that everything that was handed in has come to its end.
#
# Most people expect: one of two things. Either the map stops at the error, and those behind person 7 have no mail; or, since map() raises
#   only when all is over, everybody but person 7 has it.
# What happens: neither. The list is cut into about four pieces a process. The error ends its own piece and no other: those who stand behind
#   person 7 in her piece are never mailed, those of all later pieces are. One exception is raised, that of person 7; the others who were
#   left out are named nowhere. How long a piece is depends on the number of processes, which by default is the number of cores: with 1 process
#   persons 8 to 16 are left out, with 2 or 4 person 8, with 16 nobody. Of 10,000 people on 4 processes, 618 are left out for person 7.
#   Two refused in one piece: only the first is told. imap_unordered(), whose pieces are one person long, leaves out nobody.
# Why a sender of mail cares: "550 person 7" is read as "all but her". The laptop on which it was tried and the server leave out different people;
#   to start the list again mails all others twice. An outcome has to be kept for each person, and a refusal has to be a value, not an exception.
set -euo pipefail
D=$(mktemp -d)
trap 'rm -rf "$D"' EXIT
cd "$D"
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --no-compile --target lib multiprocess==0.70.18 billiard==4.3.2 pathos==0.3.4 2> pip.log || { cat pip.log; exit 1; }
cat > try.py <<'PY'
import multiprocessing, pathlib, smtplib
import billiard, multiprocess
from pathos.multiprocessing import ProcessPool

PEOPLE = range(1, 65)
journal = pathlib.Path("mailed").absolute()

def mail(person):
    if person in REFUSED:
        raise smtplib.SMTPDataError(550, f"person {person}")
    with journal.open("a") as log:
        log.write(f"{person}\n")

def pool_map(pool):
    try:
        return pool.map(mail, PEOPLE)
    finally:
        pool.close()
        pool.join()

def one_by_one(pool):
    with pool:
        answers, said = pool.imap_unordered(mail, PEOPLE), []
        while True:
            try:
                next(answers)
            except StopIteration:
                break
            except smtplib.SMTPDataError as error:
                said.append(error)
    [error] = said
    raise error

def left_out(name, call, expected, shown=True):
    journal.write_text("")
    try:
        call()
        said = "no error"
    except smtplib.SMTPDataError as error:
        said = error.smtp_error
    mailed = sorted(map(int, journal.read_text().split()))
    without = [person for person in PEOPLE if person not in mailed and person not in REFUSED]
    besides = (without or "nobody") if shown else f"{len(without)} of {len(PEOPLE)}, {without[0]} to {without[-1]}"
    print(f"{name:38} refused: {REFUSED}  told: {said}  left out besides: {besides}", flush=True)
    assert said == "person 7" and len(mailed) == len(set(mailed)) and without == expected, (said, without)

REFUSED = (7,)
for kind in (multiprocessing, multiprocess, billiard):
    for processes, expected in (1, [*range(8, 17)]), (2, [8]), (4, [8]), (16, []):
        left_out(f"{kind.__name__} Pool({processes}).map", lambda: pool_map(kind.Pool(processes)), expected)
left_out("pathos ProcessPool(1).map", lambda: pool_map(ProcessPool(1)), [*range(8, 17)])
left_out("multiprocessing Pool(1).imap_unordered", lambda: one_by_one(multiprocessing.Pool(1)), [])
PEOPLE = range(1, 10_001)
left_out("multiprocessing Pool(4).map", lambda: pool_map(multiprocessing.Pool(4)), [*range(8, 626)], shown=False)
PEOPLE = range(1, 65)
REFUSED = (7, 10)
left_out("multiprocessing Pool(1).map", lambda: pool_map(multiprocessing.Pool(1)), [8, 9, *range(11, 17)])
PY
PYTHONPATH=lib timeout -k 5 60 python3 try.py
