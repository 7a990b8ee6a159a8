"""The stream sent to Kafka at its rate, in a thread, while the test changes things."""

import threading
import time
from dataclasses import replace

from confluent_kafka import Producer

from .streams import CHUNK, LONGEST_DELAY, OUT_OF_ORDERNESS, Ledger, Mode, Rule, Stream


class Load:
    """Sends a chunk every 100 ms of wall time; behind by a stall it catches up, so the rate holds over the run."""

    def __init__(self, bootstrap_servers: str, topic: str, stream: Stream) -> None:
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap_servers,
                "enable.idempotence": True,  # no duplicate and no other order, whatever has to be sent again
                "linger.ms": 20,
                "compression.type": "lz4",
                "queue.buffering.max.messages": 1_000_000,
                "log_level": 0,  # what goes wrong for good is raised by flush
            }
        )
        self._topic = topic
        self._stream = stream
        self._mode = Mode()
        self._changed = threading.Condition()
        self._stopping = False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self._began = 0.0
        self.seconds = 0.0
        self.sent = 0

    def start(self) -> None:
        """Begin sending; only visits all rules agree on, and no late records, until told otherwise."""
        self._began = time.monotonic()
        self._thread.start()

    def tell(self, rule: Rule) -> None:
        """From the next chunk on: visits that only `rule` judges this way, and late records."""
        self._set(Mode(rule, late=True))

    def without_late(self) -> tuple[int, ...]:
        """No late records from the next chunk on; gives the offset after the last one, per partition."""
        self._set(replace(self._mode, late=False))
        return self._passed(1)

    def calm(self, longest_within: int) -> tuple[int, ...]:
        """Open no more telling visits; wait until those open are over in event time too. Gives the offsets then."""
        self._set(Mode())
        return self._passed((longest_within + OUT_OF_ORDERNESS + 1_000) // CHUNK + LONGEST_DELAY)

    def run_for(self, seconds: float) -> None:
        """Let this much event time pass in the mode that is set."""
        self._passed(int(seconds * 1_000 / CHUNK))

    def finish(self) -> None:
        """Send the last events and see everything acknowledged by the broker."""
        self._stopping = True
        self._thread.join()
        self._check()
        for partition, records in enumerate(self._stream.last_chunk()):
            self._send(partition, records)
        assert self._producer.flush(60) == 0, "the broker has not taken all records"

    @property
    def ledger(self) -> Ledger:
        """What was sent."""
        return self._stream.ledger

    @property
    def rate(self) -> float:
        """Records per second over the whole run."""
        return self.sent / self.seconds

    def _set(self, mode: Mode) -> None:
        with self._changed:
            self._mode = mode

    def _passed(self, chunks: int) -> tuple[int, ...]:
        """Wait for so many more chunks (the one being built may still have had the mode before)."""
        with self._changed:
            until = self._stream.chunks + chunks + 1
            deadline = time.monotonic() + chunks * CHUNK / 1_000 + 60
            while self._stream.chunks < until:
                self._check()
                assert self._changed.wait(deadline - time.monotonic()), "the load does not go on"
            return tuple(self._stream.ledger.offsets)

    def _run(self) -> None:
        try:
            while not self._stopping:
                due = self._began + self._stream.chunks * CHUNK / 1_000
                self._producer.poll(max(0.0, due - time.monotonic()))
                if time.monotonic() >= due:
                    self._send_chunk()
        except BaseException as failure:
            self._failure = failure
            raise

    def _send_chunk(self) -> None:
        with self._changed:
            chunk = self._stream.chunk(self._mode)
            self._changed.notify_all()
        for partition, records in enumerate(chunk):
            self._send(partition, records)
        self.seconds = time.monotonic() - self._began

    def _send(self, partition: int, records: list[bytes]) -> None:
        queued = self._producer.produce_batch(self._topic, [{"value": value} for value in records], partition)
        assert queued == len(records), "the producer's queue is full: the broker takes less than the load"
        self.sent += len(records)

    def _check(self) -> None:
        if self._failure is not None:
            raise AssertionError("the load broke off") from self._failure
