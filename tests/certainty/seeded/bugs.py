"""Bugs that other senders had, or still have, as small changes to a copy of mailbatch.

Each edit replaces a text that stands exactly once in its file. `tests` is the smallest part of the
suite that must notice.
"""

from __future__ import annotations

from dataclasses import dataclass

CERTAINTY = "tests/certainty/"
MATRIX = CERTAINTY + "test_fault_matrix.py"
CRASHES = CERTAINTY + "test_crash_points.py"
PROFILES = CERTAINTY + "test_profiles.py"
AHEAD = CERTAINTY + "test_composing_ahead.py"
STORAGE = CERTAINTY + "test_storage.py"
RESOLVE = CERTAINTY + "test_resolve.py"
SECRETS = CERTAINTY + "test_secrets.py"
SERVING = "tests/delivery/test_workers.py"
GRANTS = "tests/ledger/postgres/test_grants.py"
WORKERS = "tests/ledger/postgres/test_workers.py"
COPIES = "tests/ledger/postgres/test_continuity.py"
SENDER = "tests/delivery/test_sender.py"
REJOINING = "tests/ledger/postgres/test_rejoining.py"
DURABILITY = "tests/ledger/test_durability.py"
CONVERSATIONS = "tests/smtp/test_conversations.py::test_conversation"


@dataclass(frozen=True, slots=True)
class Edit:
    """`old` in `file` (below mailbatch/) becomes `new`."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Bug:
    """A bug, whose it was, and the tests that must fail because of it."""

    name: str
    whose: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]


def _bug(name: str, whose: str, *edits: tuple[str, str, str], tests: tuple[str, ...]) -> Bug:
    return Bug(name, whose, tuple(Edit(*edit) for edit in edits), tests)


BUGS = (
    _bug(
        "retry-after-time-out-on-the-same-session",
        "SwiftMailer #828: the late 250 was taken for the next message's reply",
        (
            "smtp/dialogue.py",
            "    def _expired(self) -> None:\n",
            """    def _expired(self) -> None:
        engine = self.connection.state
        if engine.transaction is not None and engine.transaction.end_of_data_handed_over:
            from mailbatch.outcome import Reply
            engine.transaction.final_reply = Reply(451, ("time-out",))
            engine.settle(engine.transaction)
            self._collect()
            return
""",
        ),
        tests=(f"{PROFILES}::test_a_reply_to_the_content_that_comes_too_late",),
    ),
    _bug(
        "checkpoint-at-fetch",
        "listmonk #3022: whoever had been fetched was skipped after a crash",
        (
            "ledger/leasing.py",
            "        for delivery, entry in zip(deliveries, entries, strict=True):\n",
            """        with self._database.transaction() as connection:
            connection.executemany(
                "UPDATE recipient SET status = 'accepted' WHERE delivery_id = ?",
                [(delivery.id,) for delivery in deliveries],
            )
        for delivery, entry in zip(deliveries, entries, strict=True):
""",
        ),
        tests=(f"{CRASHES}::test_crash_point[begin-before-1-same]",),
    ),
    _bug(
        "finished-although-unsent",
        "listmonk #2278: a run that was stopped was finished",
        (
            "ledger/plan.py",
            "        if self._unfinished():\n            with self",
            "        if self is None:\n            with self",
        ),
        (
            "ledger/plan.py",
            "            if unfinished:\n                set_fact",
            "            if self is None:\n                set_fact",
        ),
        (
            "delivery/preparation.py",
            "        counts = self.ledger.standing.counts()\n        return sum(",
            """        if self.ledger.standing.finished_at() is not None:
            return 0
        counts = self.ledger.standing.counts()
        return sum(""",
        ),
        tests=(f"{MATRIX}::test_fault[rcpt-rst-pipelining]",),
    ),
    _bug(
        "lock-with-age",
        "Mautic #1737: a run of more than half an hour was declared dead: up to six copies",
        (
            "ledger/lock.py",
            "            holder = _read(fd)\n            os.close(fd)\n",
            """            holder = _read(fd)
            import time
            if holder and time.time() - datetime.fromisoformat(holder.started).timestamp() > 1800:
                return fd
            os.close(fd)
""",
        ),
        tests=(f"{CERTAINTY}test_clock.py::test_a_lock_has_no_age",),
    ),
    _bug(
        "status-saved-per-batch",
        "django-post_office #326: what had been sent was sent again after a crash",
        (
            "ledger/under_way.py",
            "            self.settle(delivery_id, outcomes, now=now, retry_at=retry_at, resume_at",
            "            _BATCH.append((self, delivery_id, outcomes, now, retry_at)) or dict(at",
        ),
        (
            "ledger/plan.py",
            '        """Note that a run ended at `now`; with nothing',
            '''        """."""
        from mailbatch.ledger.under_way import _BATCH
        while _BATCH:
            writing, delivery_id, outcomes, at, retry_at = _BATCH.pop(0)
            writing.settle(delivery_id, outcomes, now=at, retry_at=retry_at)
        """Note that a run ended at `now`; with nothing''',
        ),
        ("ledger/under_way.py", "class UnderWay:\n", "_BATCH = []\n\n\nclass UnderWay:\n"),
        tests=(f"{CRASHES}::test_crash_point[settle-after-3-same]",),
    ),
    _bug(
        "phase-blind-retry",
        "pimalaya/core #46, and RFC 5321 3.8 taken at its word: a lost reply is a refusal",
        (
            "smtp/transaction.py",
            "            return (Status.IN_DOUBT, None, self.broken, True)\n",
            "            return (Status.PENDING, None, self.broken, False)\n",
        ),
        tests=(f"{MATRIX}::test_fault[dot-rst-pipelining]",),
    ),
    _bug(
        "skip-garbage",
        "Postfix 20050929: a line that was no reply was skipped; QUIT's reply stood for the dot's",
        (
            "smtp/reply.py",
            '            raise self._garbage("a line that is no reply", line)\n',
            "            return None\n",
        ),
        tests=(f"{CONVERSATIONS}[garbage-line]",),
    ),
    _bug(
        "452-reneged",
        "Exim 2693: a 250 behind a 452 was overlooked: lost and duplicate recipients",
        (
            "smtp/transaction.py",
            "        if self.accepted == len(paths) and not self.thrown_away:\n",
            "        if False:\n",
        ),
        (
            "smtp/transaction.py",
            """            elif not reply.negative:
                accepted += 1
""",
            """            elif not reply.negative and not failed:
                accepted += 1
""",
        ),
        tests=(f"{PROFILES}::test_452_is_reneged_by_the_next_reply",),
    ),
    _bug(
        "content-for-nobody",
        "Exim 2545: the content was sent although every recipient was refused",
        (
            "smtp/transaction.py",
            "        if not self.accepted:\n            return Course.LONE_DOT\n",
            "        if not self.accepted:\n            return _CONTENT\n",
        ),
        tests=(f"{PROFILES}::test_all_are_refused",),
    ),
    _bug(
        "unsolicited-reply",
        "aiosmtplib #350: a reply that nobody was owed shifted all that followed",
        (
            "smtp/answers.py",
            "    verb = state.pipeline.answered()\n",
            """    early = take.__dict__.setdefault(id(state), [])
    if state.owed is None and not reply.negative:
        early.append(reply)
        return
    if early:
        early.append(reply)
        reply = early.pop(0)
    verb = state.pipeline.answered()
""",
        ),
        tests=(f"{PROFILES}::test_a_reply_that_nobody_is_owed",),
    ),
    _bug(
        "plain-text-kept-across-starttls",
        "GHSA-vxj7-4xrp-5vr4, CVE-2011-0411: what came before the handshake counted behind it",
        (
            "smtp/state.py",
            "        if self.listener.unfinished:\n",
            "        if self.listener.unfinished is None:\n",
        ),
        tests=(
            f"{CONVERSATIONS}[starttls-injected]",
            f"{CONVERSATIONS}[starttls-injected-half-line]",
        ),
    ),
    _bug(
        "session-used-after-421",
        "smtppool #18: a connection that the server had closed went back into the pool",
        (
            "smtp/answers.py",
            "    ANSWERS[verb](state, reply)\n    if reply.closing:\n",
            "    ANSWERS[verb](state, reply)\n    if False:\n",
        ),
        tests=(f"{PROFILES}::test_421_ends_the_session_and_not_the_mailing",),
    ),
    _bug(
        "session-used-after-a-protocol-error",
        "Postfix 20190621: a session went on after a reply that it did not understand",
        (
            "smtp/answers.py",
            "    if not reply.negative:\n        raise",
            "    if not reply.negative:\n        return\n        raise",
        ),
        tests=(f"{MATRIX}::test_fault[mail-wrong-class-pipelining]",),
    ),
    _bug(
        "parameter-smuggling",
        "CPython 3.13.0's smtplib, go-mail #495: an address became parameters of RCPT",
        (
            "smtp/commands.py",
            "        for path in paths:\n            _check_path(path, smtputf8=smtputf8)\n",
            "        return\n",
        ),
        (
            "recipients/plan.py",
            "            address = parse_address(text)\n",
            "            address = text\n",
        ),
        tests=(f"{PROFILES}::test_addresses_that_are_commands",),
    ),
    _bug(
        "header-injection",
        "CPython #121650: a line end in a value began another header field",
        (
            "render/field_text.py",
            "    if text.isprintable():\n        return\n",
            "    return\n",
        ),
        tests=("tests/render/test_headers.py::test_every_control_character_is_refused_everywhere",),
    ),
    _bug(
        "dot-after-a-failed-write",
        "smtppool's deferred Close: the end of data was sent although what came before it failed",
        (
            "delivery/recording.py",
            "            self._given_up.add(point.delivery_id)\n            session.abort()\n",
            "            self._given_up.add(point.delivery_id)\n            session.finish()\n",
        ),
        tests=(f"{STORAGE}::test_a_step_of_the_ledger_fails[commit-3-lost]",),
    ),
    _bug(
        "flight-before-its-commit-point",
        "ours, were BDAT treated as DATA: the content left before its commit point was recorded",
        (
            "smtp/session.py",
            "            self._chunk = checked(content.joined())\n",
            """            self._connection.send_chunk(checked(content.joined()))
            self._dialogue.flush()
""",
        ),
        (
            "smtp/session.py",
            """        if self._dialogue.has_news:
            return
        chunk, """,
            """        if self._dialogue.has_news or self._state.owed:
            return
        chunk, """,
        ),
        tests=(f"{CRASHES}::test_crash_point_with_chunking[commit-before-3]",),
    ),
    _bug(
        "lost-flight-is-not-doubted",
        "ours, if BDAT were treated as DATA: without a reply to RCPT nobody could have the message",
        (
            "smtp/transaction.py",
            """        if self._is_doubtful:
            return (Status.IN_DOUBT, None, self.broken, True)
        closed""",
            """        closed""",
        ),
        tests=(f"{CONVERSATIONS}[bdat-eof-rcpt]", f"{CONVERSATIONS}[bdat-eof]"),
    ),
    _bug(
        "bdat-behind-a-refusal-is-not-cleared",
        "go-smtp's server does not skip the octets of a refused BDAT: they come to commands",
        (
            "smtp/commands.py",
            "    Verb.CLEAR_BDAT: Facts(ends_group=True,",
            "    Verb.CLEAR_BDAT: Facts(ends_group=False,",
        ),
        tests=(f"{CONVERSATIONS}[bdat-not-skipped]",),
    ),
    _bug(
        "bare-cr",
        "smtplib with bytes, SMTP smuggling: a CR or LF alone passed into the content",
        (
            "render/encodings.py",
            '        text = text.replace("\\r\\n", "\\n").replace("\\r", "\\n")\n',
            "        pass\n",
        ),
        (
            "smtp/content.py",
            '    if len(b"".join(lines)) + 2 * len(lines) != len(content):\n',
            "    if lines is None:\n",
        ),
        tests=(f"{PROFILES}::test_texts_that_are_the_end_of_data",),
    ),
    _bug(
        "unverified-tls",
        "smtplib.starttls() without a context: any certificate would do",
        (
            "smtp/network.py",
            "    context.minimum_version = ssl.TLSVersion.TLSv1_2\n",
            """    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
""",
        ),
        tests=(f"{SECRETS}::test_a_server_that_cannot_be_trusted",),
    ),
    _bug(
        "new-message-id-on-resend",
        "every sender that writes Message-ID and Date for each attempt: no de-duplication helps",
        (
            "ledger/attempts.py",
            "            date=int(now) if head.date is None else head.date,\n",
            "            date=int(now) + head.tries,\n",
        ),
        (
            "ledger/attempts.py",
            "            message_id=head.message_id or ",
            "            message_id=f'{head.id}.{now}@example.com' or ",
        ),
        tests=(f"{RESOLVE}::test_a_resend_is_the_same_message_byte_for_byte",),
    ),
    _bug(
        "commit-point-behind-the-dot",
        "the order of qmail's flagcritical turned round: the record follows the deed",
        (
            "delivery/recording.py",
            "        suspicion = None if self._suspicion_told else ",
            """        for point in points:
            point[1].finish()
        suspicion = None if self._suspicion_told else """,
        ),
        (
            "delivery/recording.py",
            "            for _, session in points:\n                session.finish()\n",
            "",
        ),
        tests=(f"{CRASHES}::test_crash_point[commit-before-3-same]",),
    ),
    _bug(
        "one-commit-point-for-all",
        "ours, were the first of several sessions to stand for the others",
        (
            "delivery/recording.py",
            "        suspicion = None if self._suspicion_told else ",
            """        for point in points[1:]:
            point[1].finish()
        suspicion = None if self._suspicion_told else """,
        ),
        (
            "delivery/recording.py",
            "            for _, session in points:\n                session.finish()\n",
            "            for _, session in points[:1]:\n                session.finish()\n",
        ),
        tests=(f"{AHEAD}::test_a_death_around_a_commit_that_sessions_share",),
    ),
    _bug(
        "doubt-is-sent-again",
        "qmail: the client must assume the worst and send the message again",
        (
            "ledger/recovery.py",
            "[i for i, committed in left if committed or not same_boot]",
            "[i for i, committed in left if i is None]",
        ),
        (
            "ledger/recovery.py",
            "[i for i, committed in left if not committed and same_boot]",
            "[i for i, committed in left]",
        ),
        tests=(f"{CRASHES}::test_crash_point[finish-after-1-same]",),
    ),
    _bug(
        "power-loss-is-a-crash",
        "ledgers without a boot id: what was not synced was believed not to have happened",
        (
            "ledger/recovery.py",
            "        same_boot = exact and known is not None and known[0] == boot\n",
            "        same_boot = True\n",
        ),
        tests=(f"{CERTAINTY}test_power_loss.py::test_all_that_was_not_synced_is_lost[3-1-1]",),
    ),
    _bug(
        "sending-on-without-a-ledger",
        "KumoMTA's warning: a delivery whose record failed is a duplicate to come",
        (
            "delivery/recording.py",
            """        if self.broken is not None:
            session.abort()
            raise self.broken
""",
            "",
        ),
        tests=(f"{STORAGE}::test_the_next_write_would_succeed",),
    ),
    _bug(
        "lost-outcome-is-not-told",
        "post_office again: what the database did not take stood nowhere",
        (
            "delivery/recording.py",
            '                self._progress.alarm(f"not recorded: {_in_words(outcome)}")\n',
            "                pass\n",
        ),
        tests=(f"{STORAGE}::test_an_outcome_that_cannot_be_written_is_told",),
    ),
    _bug(
        "a-changed-message-is-resent",
        "mailmerge --resume: whatever the files say now goes out under the old name",
        (
            "delivery/fitting.py",
            "        if not delivery.digests or self._accept_changes:\n",
            "        if True:\n",
        ),
        tests=(f"{RESOLVE}::test_a_message_that_would_be_another_one[another_file]",),
    ),
    _bug(
        "waits-by-the-wall-clock",
        "a clock that was set back by a day: the deferred wait for a day",
        (
            "delivery/sending.py",
            "    clock = clock_of(ledger)\n",
            "    clock = time.time\n",
        ),
        tests=(f"{CERTAINTY}test_clock.py::test_a_clock_that_is_set_during_the_wait[-86400.0]",),
    ),
    _bug(
        "secrets-in-replies",
        "senders that log what the server says as it says it",
        (
            "smtp/echoes.py",
            "        if traces.empty:\n            return\n",
            "        return\n",
        ),
        tests=(f"{SECRETS}::test_a_server_that_repeats_it_ever_after[plain]",),
    ),
    _bug(
        "a-refused-sender-refuses-everybody",
        "our own: one constant with two values, and nobody counted the refusals of the sender",
        (
            "delivery/trouble.py",
            "        count = self._add(self._streak, (verb, essence(reply)), reply)\n",
            "        count = 1\n",
        ),
        tests=(f"{PROFILES}::test_a_sender_that_is_refused_again_and_again",),
    ),
    _bug(
        "an-old-seal-comes-back",
        "our own: behind a power loss the lock file spoke of the ledger of an earlier run",
        (
            "ledger/lock.py",
            "        self._write(note, durable=True)\n",
            "        self._write(note, durable=False)\n",
        ),
        tests=(f"{DURABILITY}::test_a_power_loss_brings_no_old_seal_back",),
    ),
    _bug(
        "an-older-copy-is-taken",
        "our own: with its journal and without its lock file, an older copy passed for the last",
        (
            "ledger/continuity.py",
            "    behind = found.run < note.run or found.lots < note.lots\n",
            "    behind = False\n",
        ),
        tests=(f"{CERTAINTY}test_restores.py::test_copies_of_any_files_and_any_age",),
    ),
    _bug(
        "commit-points-are-not-counted",
        "our own: a journal that ended earlier passed for the one that the dead run left",
        (
            "ledger/under_way.py",
            "        if alone:\n            self._lock.count(self.run, self.points)\n",
            "",
        ),
        tests=(f"{CERTAINTY}test_restores.py::test_copies_of_any_files_and_any_age",),
    ),
    _bug(
        "results-take-the-place-of-the-ledger",
        "our own: --results with the wrong name cost the table, or the record of who has the mail",
        (
            "delivery/outputs.py",
            "    target = os.path.realpath(path)\n    if target",
            "    target = ''\n    if target",
        ),
        tests=(f"{STORAGE}::test_no_output_takes_the_place_of_what_is_read",),
    ),
    _bug(
        "a-dead-workers-doubt-is-sent-again",
        "task engines: the task of a worker that died is run again, whatever it had done",
        (
            "ledger/postgres/burial.py",
            ' for row in left if record or not row["passed"]]',
            " for row in left]",
        ),
        tests=(f"{WORKERS}::test_a_peer_buries_a_dead_worker_and_leaves_its_doubt_to_be_derived",),
    ),
    _bug(
        "a-worker-is-buried-alive",
        "task engines: a worker that was not heard of for a while is taken for dead",
        (
            "ledger/postgres/burial.py",
            '" AND pg_try_advisory_xact_lock($2, id::integer)"',
            '" AND $2::integer IS NOT NULL"',
        ),
        tests=(f"{WORKERS}::test_no_delivery_is_leased_by_two",),
    ),
    _bug(
        "a-copy-passes-for-the-ledger",
        "databases of every kind: a snapshot that is put back forgets whom it had mailed",
        (
            "ledger/postgres/continuity.py",
            "if testimony.passed is not None and not await",
            "if testimony.passed is None and not await",
        ),
        tests=(
            f"{COPIES}::test_a_copy_that_others_write_is_stopped_by_the_machine_that_has_seen_more",
        ),
    ),
    _bug(
        "a-standby-that-was-behind-takes-over",
        "failover managers: the standby that is nearest is promoted, whatever it has",
        (
            "ledger/postgres/continuity.py",
            'if row["timeline"] != row["timeline_now"] and not row["replicated"]:',
            'if row["timeline"] > row["timeline_now"]:',
        ),
        tests=(f"{COPIES}::test_a_standby_without_a_promise_is_refused",),
    ),
    _bug(
        "a-cancelled-wait-for-a-standby-is-a-success",
        "PostgreSQL: a commit whose wait was cancelled succeeds with a warning",
        (
            "ledger/postgres/link.py",
            "        if message.sqlstate == _WARNING:\n",
            "        if message.sqlstate == _TOO_MANY:\n",
        ),
        tests=(f"{REJOINING}::test_a_wait_for_a_standby_that_is_cancelled_is_no_acknowledgement",),
    ),
    _bug(
        "the-plan-changes-under-a-claim",
        "our own: what a worker leases must not change while it is chosen",
        (
            "ledger/postgres/leasing.py",
            "if not await try_lock(self._link, connection, STILL, shared=True):",
            "if self._link is None:",
        ),
        tests=(f"{WORKERS}::test_no_worker_claims_while_the_plan_is_changed",),
    ),
    _bug(
        "each-worker-has-the-cap-for-itself",
        "senders that are started twice: twice the daily number",
        (
            "ledger/postgres/grants.py",
            "await connection.execute(_KEEP, max(0, self._left - taken))",
            "await connection.execute(_KEEP, self._left)",
        ),
        tests=(f"{GRANTS}::test_all_workers_together_claim_what_is_left_and_no_more",),
    ),
    _bug(
        "what-is-under-way-does-not-count",
        "our own: a count of what was accepted alone lets all sessions through at once",
        (
            "ledger/postgres/taken.py",
            "under_way = sum(number for at, number in taken if at == math.inf)",
            "under_way = 0",
        ),
        tests=(f"{GRANTS}::test_all_workers_together_claim_what_is_left_and_no_more",),
    ),
    _bug(
        "each-worker-has-the-rate-for-itself",
        "senders that are started twice: twice the rate",
        (
            "ledger/postgres/turns.py",
            "  + make_interval(secs => $1::integer * apart.seconds)",
            "  + make_interval(secs => 0 * $1::integer * apart.seconds)",
        ),
        tests=("tests/ledger/postgres/test_turns.py::test_no_two_recipients_share_an_instant",),
    ),
    _bug(
        "a-turn-is-used-late",
        "our own: 201 recipients in a second of 200, as a session had to be opened first",
        (
            "delivery/sender.py",
            "if session is before or is_again or seconds > LONGEST_IDLE:",
            "if True:",
        ),
        tests=(
            f"{SENDER}::test_a_turn_that_passed_while_a_session_was_opened_is_followed_by_another",
        ),
    ),
    _bug(
        "a-second-point-of-an-attempt",
        "brokers without a fence: two consumers that both believe to have a task",
        (
            "ledger/postgres/schema.sql",
            "  digest      bytea,\n  PRIMARY KEY (delivery_id, attempt)\n",
            "  digest      bytea\n",
        ),
        tests=(f"{WORKERS}::test_two_that_believe_in_one_number_pass_one_point",),
    ),
    _bug(
        "a-buried-worker-passes-a-point",
        "leases that expire: the holder of before writes on, and nobody looks",
        (
            "ledger/postgres/functions.sql",
            "  IF is_live IS NOT TRUE OR ended <> cardinality(settled)",
            "  IF ended <> cardinality(settled)",
        ),
        tests=(f"{WORKERS}::test_nothing_of_a_worker_that_is_not_live_is_recorded[point]",),
    ),
    _bug(
        "a-buried-worker-settles",
        "leases that expire: the outcome of one attempt told for another",
        (
            "ledger/postgres/functions.sql",
            "  IF is_live IS NOT TRUE OR ended <> cardinality(settled)",
            "  IF (is_live IS NOT TRUE AND points <> '{}') OR ended <> cardinality(settled)",
        ),
        tests=(f"{WORKERS}::test_nothing_of_a_worker_that_is_not_live_is_recorded[outcome]",),
    ),
    _bug(
        "a-late-outcome-is-lost",
        "the prototype: a frozen worker woke up, and 4 people stayed in doubt whom it knew",
        (
            "ledger/postgres/rejoining.py",
            "    if not doubted:\n        return set()\n",
            "    if doubted is not None:\n        return set()\n",
        ),
        tests=(f"{REJOINING}::test_a_doubt_that_a_run_recorded_ends_with_the_outcome",),
    ),
    _bug(
        "a-late-outcome-overrules-a-person",
        "our own: a doubt that was skipped came back with the worker",
        (
            "ledger/postgres/rejoining.py",
            "  WHERE d.id = ANY ($3) AND r.status = 'in_doubt'),",
            "  WHERE d.id = ANY ($3)),",
        ),
        tests=(f"{REJOINING}::test_a_doubt_that_a_run_recorded_ends_with_the_outcome",),
    ),
    _bug(
        "a-worker-sends-the-letter-of-before",
        "our own: a bundle that was changed while a worker had the old one",
        (
            "ledger/postgres/leasing.py",
            'is_current = self._bundle is None or mailing["bundle"] == self._bundle',
            "is_current = True",
        ),
        tests=(f"{WORKERS}::test_a_worker_of_another_bundle_gets_nothing",),
    ),
    _bug(
        "a-new-plan-is-sent-before-anybody-confirmed",
        "our own: a worker that waits for ever, and a table that had a row more",
        (
            "ledger/postgres/planning.py",
            "            self._wait(connection.execute(_WITHDRAW))\n",
            "",
        ),
        tests=(f"{SERVING}::test_no_worker_sends_a_new_plan_before_the_send_is_confirmed",),
    ),
    _bug(
        "another-version-makes-other-messages",
        "our own: a machine with another version of Jinja2, and letters with another text",
        (
            "delivery/serving.py",
            "sample_digest(ready.composer, delivery, kept) == sample.digest:",
            "sample_digest(ready.composer, delivery, kept):",
        ),
        tests=(f"{SERVING}::test_a_worker_that_would_make_other_messages_takes_nothing",),
    ),
)
