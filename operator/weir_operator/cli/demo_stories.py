"""The demo's parts, in the order they are told."""

import itertools
import threading
from dataclasses import dataclass
from typing import Final

from rich.text import Text

from weir_api.streamjobs import Topic

from ..demo import reviews
from ..demo.audits import Finding
from ..demo.feeds import Feed
from ..demo.generator import TOPICS
from ..demo.reviews import PIPELINES, Pipeline
from ..fleet import streams, topics
from . import descriptions, tables
from .ages import seconds_text
from .consoles import FATE_STYLES
from .demo_stages import Stage
from .failures import CommandError

CHANGED: Final = "products-load-time"
LINE: Final = "    value: end.at - start.at\n"
ADDED: Final = f"    {reviews.NEW_FIELD}: end.at - start.at > {reviews.SLOW_FROM}\n"
UNDER_LOAD: Final = 8.0
"""Seconds of load before the change, and after it."""
STEADY_AFTER: Final = 2.0
_FAR_TOO_LONG: Final = 600.0


@dataclass(frozen=True)
class First:
    """The first derived event of a pipeline and when a reader could see it, in seconds since the demo began."""

    value: bytes
    seconds: float


class Story:
    """Tells it on a stage, at a rate (records a second), from a seed."""

    def __init__(self, stage: Stage, rate: int, seed: int) -> None:
        self._stage = stage
        self._rate = rate
        self._seed = seed
        self._first: dict[str, First] = {}
        self._findings: tuple[Finding, ...] = ()

    def tell(self) -> None:
        """All of it, up to the audit. Raises CommandError."""
        self._bring_up()
        feed = self._feed()
        self._run(feed)
        self._derive()
        self._change(feed)
        self._refuse()
        self._audit(feed)

    def farewell(self) -> None:
        """The last word, when everything is down. Raises CommandError (failed) when the audit was not equal."""
        stage = self._stage
        stage.say(f"stopped; nothing is left running. All of it took {stage.elapsed:.0f} s.")
        unequal = [finding.topic for finding in self._findings if not finding.equal]
        if unequal:
            raise CommandError.failed(f"the audit is not equal: {', '.join(unequal)}")

    def _bring_up(self) -> None:
        stage = self._stage
        stage.console.print(Text("weir demo", style="bold"))
        stage.say(f"three Patterns on a web shop's telemetry · {self._rate} records/s · seed {self._seed}", "dim")
        stage.say(f"in {stage.folder}; each could be brought up by hand: weir up {stage.folder}", "dim")
        stage.heading("1  Kafka and three pipelines come up, at the same time")
        stage.up()

    def _feed(self) -> Feed:
        """The stream begins as soon as Kafka answers; pipelines read it from its beginning."""
        stage = self._stage
        stage.await_(lambda: stage.engine.broker, _FAR_TOO_LONG, "Kafka")
        servers = stage.engine.servers
        topics.ensure_topics(servers, [Topic(name=name) for name in TOPICS])
        feed = Feed(servers, self._seed, self._rate)
        feed.start()
        stage.teller.tell(f"the shop opens: {self._rate} records/s into {' and '.join(TOPICS)}")
        for pipeline in PIPELINES:
            threading.Thread(target=self._await_first, args=(pipeline,), daemon=True).start()
        return feed

    def _run(self, feed: Feed) -> None:
        stage = self._stage
        stage.await_(
            lambda: all(stage.status(name).phase == "Running" for name in stage.names), _FAR_TOO_LONG, "all to run"
        )
        stage.say("")
        stage.table()
        stage.say(f"All run after {stage.elapsed:.1f} s. Where the time went, per pipeline:", "dim")
        for name in stage.names:
            stage.say(f"{name.ljust(20)} {self._timeline(name)}", "dim")
        stage.await_(self._steady, STEADY_AFTER * 4, "a steady state")
        feed.late = True

    def _derive(self) -> None:
        stage = self._stage
        stage.heading("2  The first derived events, as a read_committed reader sees them")
        for pipeline in PIPELINES:
            first = stage.await_(
                lambda name=pipeline.name: self._first.get(name),  # type: ignore[misc]
                _FAR_TOO_LONG,
                f"an output of {pipeline.name}",
            )
            stage.say(f"after {first.seconds:5.1f} s  {pipeline.sink.ljust(16)} {first.value.decode(errors='replace')}")

    def _change(self, feed: Feed) -> None:
        stage = self._stage
        stage.heading(f"3  A change of {CHANGED}, under load: its outputs get another field")
        self._load(UNDER_LOAD)
        feed.late = False
        self._load(STEADY_AFTER)
        stage.say(f"  {LINE.strip()}", "dim")
        stage.say(f"+ {ADDED.strip()}", "green")
        generation = self._generation()
        stage.edit(CHANGED, LINE, LINE + ADDED)
        rollover = stage.await_(
            lambda: stage.rolled_over(CHANGED, generation + 1), _FAR_TOO_LONG, "the new revision to run"
        )
        stage.say("")
        self._verdict(CHANGED)
        saved = stage.status(CHANGED).savepoint
        if saved is not None:
            stage.say(f"savepoint  {seconds_text(rollover.savepoint_seconds).ljust(8)} {saved.location}")
        stage.say(
            f"gap        {seconds_text(rollover.gap_seconds)}, from the old job's end to all tasks of the new one"
        )
        self._load(STEADY_AFTER)
        feed.late = True

    def _refuse(self) -> None:
        stage = self._stage
        stage.heading("4  A change that would lose state is refused, and nothing stops")
        stage.say("- keyBy: [session]", "dim")
        stage.say("+ keyBy: [session, type]", "red")
        stage.edit(CHANGED, "keyBy: [session]", "keyBy: [session, type]")
        job = stage.job(CHANGED).job
        refused = stage.await_(self._unsafe, _FAR_TOO_LONG, "the refusal")
        stage.say("")
        self._verdict(CHANGED)
        stage.say(f"StateSafe=False, {refused}", "red")
        now = stage.job(CHANGED).job
        same = job is not None and now is not None and job.id == now.id
        stage.say(f"the job goes on: {now.id[:8] if now else 'none'} {now.state if now else ''}")
        stage.edit(CHANGED, "keyBy: [session, type]", "keyBy: [session]")
        if not same:
            raise CommandError.failed("the refused change has touched the running job")
        self._load(UNDER_LOAD)

    def _audit(self, feed: Feed) -> None:
        stage = self._stage
        feed.end()
        stage.heading(f"5  The audit: {len(feed.sent)} records in; what came out against plain Python loops over them")

        def complete() -> bool:
            self._findings = reviews.findings(stage.engine.servers, feed)
            return all(finding.equal for finding in self._findings)

        try:
            stage.await_(complete, 120, "the audit to be equal")
        except CommandError:
            self._print_findings()
            raise
        self._print_findings()
        total = sum(finding.seen for finding in self._findings)
        stage.say(f"Equal: {total} records, none missing, none twice, across a change of spec under load.", "green")
        stage.heading("6  Everything stops, with savepoints")

    def _print_findings(self) -> None:
        rows = [
            (one.topic, *(str(count) for count in (one.expected, one.seen, len(one.missing), len(one.unexpected))))
            for one in self._findings
        ]
        for line in tables.lines(("TOPIC", "EXPECTED", "SEEN", "MISSING", "UNEXPECTED"), rows, "  "):
            self._stage.console.print(Text(line))
        for finding in self._findings:
            for word, records in (("missing", finding.missing), ("unexpected", finding.unexpected)):
                if records:
                    self._stage.say(f"{finding.topic}: {word}, for example {records[0]}", "red")
            if finding.remark:
                self._stage.say(f"{finding.topic}: {finding.remark}", "red")

    def _verdict(self, name: str) -> None:
        rollover = self._stage.job(name).rollover
        if rollover is None or rollover.verdict is None:
            return
        for line in descriptions.verdict(rollover.verdict, "  "):
            text = Text(line)
            for fate, style in FATE_STYLES.items():
                text.highlight_words([f" {fate} "], style)
            self._stage.console.print(text)

    def _unsafe(self) -> str:
        condition = self._stage.job(CHANGED).condition("StateSafe")
        return f"{condition.reason}: {condition.message}" if condition and condition.status == "False" else ""

    def _timeline(self, name: str) -> str:
        """Seconds from one recorded step to the next."""
        rollover = self._stage.job(name).rollover
        if rollover is None:
            return "-"
        spans = itertools.pairwise(rollover.history)
        return ", ".join(f"{one.step} {(next_.at - one.at).total_seconds():.1f} s" for one, next_ in spans)

    def _generation(self) -> int:
        found = self._stage.resource(CHANGED)
        return found.metadata.generation if found else 0

    def _load(self, seconds: float) -> None:
        """Let the stream flow for a while."""
        ends = self._stage.elapsed + seconds
        self._stage.await_(lambda: self._stage.elapsed > ends, seconds + 5, "time to pass")

    def _steady(self) -> bool:
        jobs = [self._stage.job(name).job for name in self._stage.names]
        return all(job is not None and job.state == "RUNNING" for job in jobs)

    def _await_first(self, pipeline: Pipeline) -> None:
        servers = self._stage.engine.servers
        while pipeline.name not in self._first:
            try:
                for record in streams.tail(servers, pipeline.sink, count=1):
                    self._first[pipeline.name] = First(record.value or b"", self._stage.elapsed)
            except topics.TopicMissing:
                threading.Event().wait(0.2)
            except topics.TopicError:  # Kafka is on its way down: the demo ends
                return
