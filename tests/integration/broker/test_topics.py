"""Topics made, found, refused."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from weir_api.streamjobs import Topic
from weir_operator.fleet import ports, topics


def test_a_missing_topic_is_made_once_with_its_partitions_and_settings(kafka: str) -> None:
    wanted = Topic(name="made-once", partitions=3, config={"cleanup.policy": "compact"})

    assert topics.ensure_topics(kafka, [wanted]) == ("made-once",)
    assert topics.ensure_topics(kafka, [wanted]) == ()
    assert topics.end_offsets(kafka, ["made-once"]) == {("made-once", partition): 0 for partition in range(3)}


def test_many_at_once_make_a_topic_together(kafka: str) -> None:
    wanted = [Topic(name=f"together-{number}") for number in range(5)]

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: topics.ensure_topics(kafka, wanted), range(6)))

    assert {name for made in answers for name in made} == {topic.name for topic in wanted}


def test_a_topic_that_must_be_there_and_is_not(kafka: str) -> None:
    with pytest.raises(topics.TopicMissing, match=f"Topic 'sessoin-metrics' does not exist on Kafka at {kafka}"):
        topics.ensure_topics(kafka, [Topic(name="sessoin-metrics", create=False)])

    with pytest.raises(topics.TopicMissing):
        topics.end_offsets(kafka, ["sessoin-metrics"])


def test_a_setting_kafka_does_not_know_names_the_topic(kafka: str) -> None:
    with pytest.raises(topics.TopicError, match=r"'odd' cannot be created.*cleanup\.policyy"):
        topics.ensure_topics(kafka, [Topic(name="odd", config={"cleanup.policyy": "compact"})])


def test_no_broker_there() -> None:
    nobody = f"127.0.0.1:{ports.free_port()}"

    with pytest.raises(topics.KafkaAway, match=f"Kafka at {nobody} does not answer"):
        topics.ensure_topics(nobody, [Topic(name="in")], deadline=1)


def test_a_topic_may_live_on_another_cluster(kafka: str) -> None:
    nobody = f"127.0.0.1:{ports.free_port()}"

    topics.ensure_topics(nobody, [Topic(name="elsewhere", bootstrap_servers=kafka)], deadline=5)

    assert topics.end_offsets(kafka, ["elsewhere"]) == {("elsewhere", 0): 0}
