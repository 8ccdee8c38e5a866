"""`python -m bench.peers.envelopes ROUTING CONTENT ROUNDS`: sealing by what others made, as JSON: microseconds of each.

An envelope has a part of ROUTING bytes for three readers and one of CONTENT bytes for the last of them. Each kind
seals both, and its last reader opens both. Processor time, the median.
"""

from __future__ import annotations

import json
import secrets
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

READERS = 3
LACKS: Mapping[str, str] = {
    "age": "no signature, X25519 alone (not post-quantum), readers are counted by anyone, no fixed size",
    "JWE": "no signature, not post-quantum, readers and algorithms in the clear, Base64 adds a third",
    "SealedBox": "no signature, not post-quantum, one reader a box: the routing part is sealed three times",
    "Confluent field encryption": "no signature, keys of the operator's KMS: not end to end, field sizes show",
}
"""What each does not do that an envelope of ours does."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What is sealed."""

    routing: bytes
    content: bytes


@dataclass(frozen=True, slots=True)
class Kind:
    """How something is sealed, and opened by the last reader."""

    seal: Callable[[Parts], Any]
    open: Callable[[Any], Parts]


def age() -> Kind:
    """Return age (pyrage): one file for three readers, one for the last."""
    import pyrage

    readers = [pyrage.x25519.Identity.generate() for _ in range(READERS)]
    all_of_them = [each.to_public() for each in readers]

    def seal(parts: Parts) -> tuple[bytes, bytes]:
        return pyrage.encrypt(parts.routing, all_of_them), pyrage.encrypt(parts.content, all_of_them[-1:])

    def opened(sealed: tuple[bytes, bytes]) -> Parts:
        return Parts(*(pyrage.decrypt(each, readers[-1:]) for each in sealed))

    return Kind(seal, opened)


def jwe() -> Kind:
    """Return JWE (joserfc): general JSON, ECDH-ES over X25519 with A256KW, A256GCM."""
    from joserfc import jwe as library
    from joserfc.jwk import OKPKey

    readers = [OKPKey.generate_key("X25519") for _ in range(READERS)]
    publics = [OKPKey.import_key(each.as_dict(private=False)) for each in readers]

    def one(plaintext: bytes, keys: list[OKPKey]) -> str:
        message = library.GeneralJSONEncryption({"enc": "A256GCM"}, plaintext)
        for key in keys:
            message.add_recipient({"alg": "ECDH-ES+A256KW"}, key)
        return json.dumps(library.encrypt_json(message, None))

    def read(text: str) -> bytes:
        sealed = json.loads(text)
        sealed["recipients"] = sealed["recipients"][-1:]  # the library would open for every reader
        return bytes(library.decrypt_json(sealed, readers[-1]).plaintext)

    return Kind(
        lambda parts: (one(parts.routing, publics), one(parts.content, publics[-1:])),
        lambda sealed: Parts(*map(read, sealed)),
    )


def sealed_box() -> Kind:
    """Return SealedBox (PyNaCl): a box for each reader."""
    from nacl.public import PrivateKey, SealedBox

    readers = [PrivateKey.generate() for _ in range(READERS)]
    boxes, last = [SealedBox(each.public_key) for each in readers], SealedBox(readers[-1])

    def seal(parts: Parts) -> tuple[list[bytes], bytes]:
        return [each.encrypt(parts.routing) for each in boxes], boxes[-1].encrypt(parts.content)

    return Kind(seal, lambda sealed: Parts(last.decrypt(sealed[0][-1]), last.decrypt(sealed[1])))


def confluent() -> Kind:
    """Return Confluent's field-level encryption with a local KMS: two fields of an Avro record, a key for each."""
    from confluent_kafka.schema_registry import Rule, RuleKind, RuleMode, RuleParams, RuleSet, Schema
    from confluent_kafka.schema_registry import SchemaRegistryClient as Registry
    from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
    from confluent_kafka.schema_registry.rules.encryption.encrypt_executor import FieldEncryptionExecutor
    from confluent_kafka.schema_registry.rules.encryption.localkms.local_driver import LocalKmsDriver
    from confluent_kafka.serialization import MessageField, SerializationContext

    FieldEncryptionExecutor.register()
    LocalKmsDriver.register()
    names = ("routing", "content")
    fields = [{"name": each, "type": "bytes", "confluent:tags": [each.upper()]} for each in names]
    rules = [_rule(each, Rule, RuleParams, (RuleKind.TRANSFORM, RuleMode.WRITEREAD)) for each in names]
    schema = json.dumps({"type": "record", "name": "Envelope", "fields": fields})
    registry = Registry.new_client({"url": "mock://"})
    registry.register_schema("envelopes-value", Schema(schema, "AVRO", [], None, RuleSet(None, rules)))
    secret = {"secret": "fictional"}
    settings = {"auto.register.schemas": False, "use.latest.version": True}
    seal = AvroSerializer(registry, conf=settings, rule_conf=secret)
    read = AvroDeserializer(registry, rule_conf=secret)
    context = SerializationContext("envelopes", MessageField.VALUE)
    return Kind(
        lambda parts: seal({"routing": parts.routing, "content": parts.content}, context),
        lambda sealed: Parts(**read(sealed, context)),
    )


def _rule(name: str, rule: Any, params: Any, how: tuple[Any, Any]) -> Any:
    """Return the rule that seals the fields with one tag under a key of their own."""
    keys = {"encrypt.kek.name": f"key-{name}", "encrypt.kms.type": "local-kms", "encrypt.kms.key.id": name}
    return rule(f"seal-{name}", "", *how, "ENCRYPT", [name.upper()], params(keys), None, None, "ERROR,NONE", False)


KINDS: Mapping[str, Callable[[], Kind]] = {
    "age": age,
    "JWE": jwe,
    "SealedBox": sealed_box,
    "Confluent field encryption": confluent,
}


def timed(make: Callable[[], Kind], parts: Parts, rounds: int) -> dict[str, float]:
    """Return median microseconds of sealing and of opening. Raises ValueError when something else comes out."""
    kind, took = make(), {"seal": list[float](), "open": list[float]()}
    for _ in range(rounds + 1):
        began = time.process_time_ns()
        sealed = kind.seal(parts)
        between = time.process_time_ns()
        opened = kind.open(sealed)
        took["open"].append((time.process_time_ns() - between) / 1e3)
        took["seal"].append((between - began) / 1e3)
        if opened != parts:
            raise ValueError("something else comes out")
    return {what: median(each[1:]) for what, each in took.items()}


def main(arguments: list[str]) -> None:
    """Print what each kind took."""
    routing, content, rounds = map(int, arguments)
    parts = Parts(secrets.token_bytes(routing), secrets.token_bytes(content))
    print(json.dumps({name: timed(make, parts, rounds) for name, make in KINDS.items()}))


if __name__ == "__main__":
    main(sys.argv[1:])
