"""Every vector comes out as it says; the set is whole and current. Nothing here writes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from conformance.kit import MAGIC, VECTORS, Vector, outcome, parties
from refbus.core.ids import OrgId
from refbus.crypto.framing import sha256
from refbus.crypto.signing import LABEL_ENVELOPE, LABEL_PASS_ROOT
from refbus.envelope import stamps
from refbus.envelope.format import Envelope
from refbus.envelope.routing import open_routing
from refbus.envelope.stamps import signed_of_pass
from refbus.wire.transport import Passed
from vectors import generate
from vectors.generate import cases, frozen

FILES = sorted(VECTORS.glob("*/*.vector"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_vector(file: object) -> None:
    """What the file expects is what comes of it: this class of error and this code, or this value."""
    vector = Vector.parse(file.read_bytes())  # type: ignore[attr-defined]
    assert outcome(vector) == vector.expect


def test_the_set_is_current() -> None:
    """Derived vectors follow from the frozen ones byte for byte, and the generator knows every file."""
    made = {f"{path}.vector": vector.encode() for path, vector in cases(frozen)}
    there = {file.relative_to(VECTORS).as_posix(): file.read_bytes() for file in FILES}
    assert made.keys() == there.keys()
    assert [name for name, data in made.items() if there[name] != data] == []


def test_a_missing_vector_stops_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one in its place would be another vector under its name; only `--add` makes it, and that one alone."""
    folder = Path(shutil.copytree(VECTORS, tmp_path / "vectors", ignore=shutil.ignore_patterns("*.py")))
    monkeypatch.setattr(generate, "VECTORS", folder)
    missing = folder / "stamp" / "pass-alone.vector"
    missing.unlink()
    with pytest.raises(FileNotFoundError):
        generate.main([])
    assert not missing.exists()
    generate.main(["--add"])
    made = Vector.parse(missing.read_bytes())
    assert outcome(made) == made.expect
    changed = {file.stem for file in FILES if (folder / file.relative_to(VECTORS)).read_bytes() != file.read_bytes()}
    assert {"pass-alone"} <= changed <= {"pass-alone", "pass-signed-alone"}, "what follows from it changes with it"


def test_no_two_files_say_the_same() -> None:
    """Each file is its own case: no body is there twice for the same task."""
    tasks = [(vector.do, vector.body) for vector in map(Vector.parse, (file.read_bytes() for file in FILES))]
    assert len(set(tasks)) == len(tasks) > 90


def test_every_class_of_failure_has_a_vector() -> None:
    """Bytes malformed, checked and false, cannot be checked: all three are there, and valid ones too."""
    kinds = {Vector.parse(file.read_bytes()).expect.split(" ")[0] for file in FILES}
    values = {"payload", "profile", "envelope", "sender", "key"}
    assert kinds == {"MalformedError", "UntrustedError", "UncheckableError", *values}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"refbus-vector/v2\nexpect: a\ndo: b\nmade: c\ncomment: d\n\n",
        b"refbus-vector/v1\nexpect: a\ndo: b\ncomment: d\n\n",
        b"refbus-vector/v1\nexpect: a\ndo: b\nmade: c\ncomment: d\nmore: e\n\n",
        b"refbus-vector/v1\nexpect: a\ndo: b\nmade: c\ncomment: d",
    ],
)
def test_a_file_of_another_shape_is_no_vector(data: bytes) -> None:
    """A vector with a field missing, added or misspelt fails loudly instead of passing unseen."""
    assert MAGIC == "refbus-vector/v1"
    with pytest.raises(ValueError, match="not a vector"):
        Vector.parse(data)


def test_the_specification_of_stamps_quotes_its_vectors() -> None:
    """Leaves and root in the specification are those of the vectors that it names."""
    text = (VECTORS.parents[1] / "docs/spec/stamps.md").read_text()
    for name in ("pass-first", "pass-second", "pass-last"):
        passed = Passed.parse(Vector.parse((VECTORS / f"stamp/{name}.vector").read_bytes()).body)
        digest = sha256(passed.envelope)
        label, message = signed_of_pass(passed, digest)
        assert label == LABEL_PASS_ROOT
        assert f"root    {message[-32:].hex()}" in text
        assert f"leaf {passed.index}  {stamps._pass_leaf(passed, digest).hex()}" in text


def test_the_specification_quotes_the_vectors() -> None:
    """The values in the specification are those of the vector that it names."""
    text = (VECTORS.parents[1] / "docs/spec/envelope.md").read_text()
    raw = Vector.parse((VECTORS / "envelope/valid.vector").read_bytes()).body
    envelope = Envelope.parse(raw)
    opened = open_routing(envelope, [parties().kems[OrgId("kz-gate")]])
    assert f"of {len(raw):,} bytes begins `{raw[:1].hex()} {envelope.header_bytes.hex()} 08 {raw[24:26].hex()}" in text
    assert (
        f"expiry hour {envelope.header.expires_at_hour:,}, directory version {envelope.header.directory_version}"
        in text
    )
    assert envelope.header_sha256.hex() in text
    assert f"the block has {len(opened.block_bytes)} bytes" in text
    assert sha256(LABEL_ENVELOPE + opened.signed_message).hex() in text
