"""Properties of Java's Kafka clients as librdkafka takes them."""

from collections.abc import Mapping

import pytest
from confluent_kafka.admin import AdminClient

from weir_api.kafka_clients import ClientPropertyError, for_librdkafka

PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        pytest.param(
            {"sasl.jaas.config": f'{PLAIN} username="weir" password="a\\"b\\\\c=;";', "sasl.mechanism": "PLAIN"},
            {"sasl.username": "weir", "sasl.password": 'a"b\\c=;', "sasl.mechanism": "PLAIN"},
            id="jaas",
        ),
        pytest.param(
            {"sasl.jaas.config": f"{PLAIN} password='p' username='u';"},
            {"sasl.username": "u", "sasl.password": "p"},
            id="single-quotes",
        ),
        pytest.param({"security.protocol": "SASL_SSL"}, {"security.protocol": "SASL_SSL"}, id="the-same"),
        pytest.param(
            {"sasl.username": "u", "sasl.password": "p"}, {"sasl.username": "u", "sasl.password": "p"}, id="own"
        ),
        pytest.param(
            {"ssl.truststore.type": "PEM", "ssl.truststore.certificates": "PEM.."}, {"ssl.ca.pem": "PEM.."}, id="pem"
        ),
        pytest.param(
            {"ssl.endpoint.identification.algorithm": ""}, {"ssl.endpoint.identification.algorithm": "none"}, id="name"
        ),
    ],
)
def test_the_same_connection(given: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    assert for_librdkafka(given) == wanted


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"sasl.jaas.config": 'x required password="hidden";'}, id="no-user"),
        pytest.param({"ssl.truststore.location": "/hidden.jks"}, id="file"),
        pytest.param({"ssl.keystore.type": "JKS"}, id="keystore"),
        pytest.param({"sasl.client.callback.handler.class": "hidden"}, id="class"),
    ],
)
def test_what_has_no_other_form_is_named_without_its_value(given: Mapping[str, str]) -> None:
    with pytest.raises(ClientPropertyError, match=next(iter(given))) as wrong:
        for_librdkafka(given)
    assert "hidden" not in str(wrong.value)


def test_librdkafka_takes_them() -> None:
    AdminClient(
        for_librdkafka({
            "bootstrap.servers": "127.0.0.1:1", "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN",
            "sasl.jaas.config": f'{PLAIN} username="u" password="p";',
        }) | {"log_level": "0"}
    )  # fmt: skip
