"""Our files under the verifiers of others, and theirs under ours: the Go program in `golang/`.

| Go module | what it does here |
|---|---|
| golang.org/x/mod/sumdb/note, tlog | notes, Ed25519 log signatures, reading and writing tiles, proofs |
| github.com/transparency-dev/formats | checkpoints, cosignatures of types 04 and 06, tlog-proof files |
| github.com/transparency-dev/merkle | inclusion and consistency proofs |

go.mod and go.sum pin them; they come from the module proxy, or from Go's own cache. Skipped where `go` is missing or
the modules cannot be had.
"""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from refbus.audit.fsck import check_log
from refbus.audit.history import compare
from refbus.audit.sources import FolderSource
from refbus.core.ids import CountryCode
from refbus.errors import UntrustedError
from refbus.tlog.checkpoint import Checkpoint, sign_checkpoint
from refbus.tlog.cosignature import cosign
from refbus.tlog.keys import SignerKey, SigType
from refbus.tlog.note import Note
from refbus.tlog.policy import Policy
from refbus.tlog.prooffile import TlogProof
from refbus.tlog.proofs import Head, consistency_proof, inclusion_proof
from refbus.tlog.shards import shard_at
from refbus.tlog.tiles import Tile, TileTrees, encode_bundle, tiles_after
from refbus.trust.reader.log_policy import audit_keys, policy_text
from refbus_auditor.files import LogFolder
from support.auditors import Auditors
from support.directories import log_name_of
from support.logs import ORIGIN, NaiveTrees, audit_entries, log_key, mth, witness_key

SOURCE = Path(__file__).parent / "golang"
SIZE = 70_000
"""The example of tlog-tiles: three levels, each with a partial tile."""
DATA = audit_entries(SIZE)
WITNESS = "witness.kg.example/witness"
KEYS = (witness_key(WITNESS, seed=3), witness_key(WITNESS, SigType.MLDSA44_COSIGNATURE, 4))
SECONDS = 600


def go(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the go command where the program is; nothing of it may change go.mod."""
    environment = {**os.environ, "GOFLAGS": "-mod=readonly -buildvcs=false", "GOWORK": "off"}
    return subprocess.run(
        ["go", *arguments], cwd=SOURCE, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS
    )


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the built program. What cannot be had skips; what can and does not build fails."""
    if shutil.which("go") is None:
        pytest.skip("go is not on this machine: our log was not checked by independent verifiers")
    fetched = go("mod", "download")
    if fetched.returncode:
        pytest.skip(f"the Go modules cannot be had: {fetched.stderr.strip().splitlines()[-1]}")
    place = tmp_path_factory.mktemp("bin") / "conformance"
    built = go("build", "-o", str(place), ".")
    assert built.returncode == 0, built.stderr
    return place


def run(program: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the built program."""
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=SECONDS)


@cache
def root_of(size: int) -> bytes:
    """Return the root over the first entries."""
    return mth(DATA[:size])


def checkpoint(size: int = SIZE, root: bytes | None = None) -> Checkpoint:
    """Return the checkpoint of the first entries."""
    return Checkpoint(ORIGIN, size, root or root_of(size))


def signed(about: Checkpoint, key: SignerKey | None = None, witnesses: Sequence[SignerKey] = KEYS) -> Note:
    """Return a checkpoint with all its signatures."""
    note = sign_checkpoint(about, key or log_key())
    return note.with_signatures([cosign(about, each, 1_679_315_147) for each in witnesses])


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a log with keys, proofs and growth, all written by our code."""
    folder = tmp_path_factory.mktemp("written")
    naive = NaiveTrees(DATA)
    rows: dict[Tile, bytes] = {}
    for tile in tiles_after(0, SIZE):
        first, level = tile.index * 256, tile.level
        if level is None:
            content = encode_bundle(DATA[first : first + tile.width])
        else:
            content = b"".join(naive.subtree(8 * level, first + at) for at in range(tile.width))
            rows[tile] = content
        put(folder / "log" / tile.path, content)
    note = signed(checkpoint())
    put(folder / "log" / "checkpoint", note.encode())
    put(folder / "log.vkey", log_key().verifier.vkey.encode())
    put(folder / "witnesses.vkey", "\n".join(key.verifier.vkey for key in KEYS).encode())
    trees = TileTrees(rows.__getitem__, SIZE)
    for index in (0, 1, 255, 256, 65_535, 65_536, 69_999):
        proof = TlogProof(index, inclusion_proof(trees, index, SIZE), note, extra=b"" if index % 2 else None)
        put(folder / "proofs" / f"{index}.tlog-proof", proof.encode())
    growth = [grown(trees, old) for old in (1, 2, 255, 256, 257, 65_536, 65_537, 69_999, SIZE)]
    put(folder / "consistency.json", json.dumps(growth).encode())
    return folder


def put(path: Path, content: bytes) -> None:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def grown(trees: TileTrees, old: int) -> dict[str, object]:
    """Return the proof that the log grew from `old` entries, as the program reads it."""
    proof = [base64.b64encode(each).decode() for each in consistency_proof(trees, old, SIZE)]
    return {"Old": old, "Root": base64.b64encode(root_of(old)).decode(), "Proof": proof}


def test_others_accept_what_we_write(program: Path, written: Path) -> None:
    """Checkpoint, both types of cosignatures, tiles, entries, proof files and growth hold for independent verifiers."""
    result = run(program, "verify", str(written))
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        f"checkpoint: {ORIGIN}, {SIZE} entries, 2 cosignatures",
        f"tiles: {SIZE} entries",
        "proofs: 7",
        "consistency: 9",
    ]


def flip(path: str, at: int) -> Callable[[Path], None]:
    """Return what flips a bit in a file."""

    def change(folder: Path) -> None:
        data = bytearray((folder / path).read_bytes())
        data[at] ^= 1
        (folder / path).write_bytes(data)

    return change


def replaced(path: str, content: bytes) -> Callable[[Path], None]:
    """Return what replaces a file."""
    return lambda folder: put(folder / path, content)


def another_proof(folder: Path) -> None:
    """Put the proof of one entry in the place of another's."""
    proof = TlogProof.parse((folder / "proofs/256.tlog-proof").read_bytes())
    put(folder / "proofs/255.tlog-proof", replace(proof, index=255).encode())


def another_past(folder: Path) -> None:
    """Claim another past of the log."""
    growth = json.loads((folder / "consistency.json").read_text())
    growth[5]["Root"] = growth[6]["Root"]
    put(folder / "consistency.json", json.dumps(growth).encode())


TAMPERED: dict[str, tuple[Callable[[Path], None], str]] = {
    "an edited entry": (flip("log/tile/entries/100", 40), "entry 25600 is not the one in the tree"),
    "an edited tile": (flip("log/tile/0/100", 40), "tiles: "),
    "an edited tile above": (flip("log/tile/1/001.p/17", 40), "tiles: "),
    "an edited edge": (flip("log/tile/2/000.p/1", 4), "tiles: "),
    "a missing tile": (lambda folder: (folder / "log/tile/0/273.p/112").unlink(), "273.p/112"),
    "another root": (replaced("log/checkpoint", signed(checkpoint(root=bytes(32))).encode()), "tiles: "),
    "a forged checkpoint": (replaced("log/checkpoint", signed(checkpoint(), log_key(seed=9)).encode()), ""),
    "one witness short": (replaced("log/checkpoint", signed(checkpoint(), None, KEYS[:1]).encode()), "2 good"),
    "another witness": (
        replaced("log/checkpoint", signed(checkpoint(), None, (KEYS[0], witness_key("w", seed=8))).encode()),
        "2 good",
    ),
    "another proof": (another_proof, "proof of entry 255: "),
    "another past": (another_past, "consistency from 65536: "),
}


@pytest.mark.parametrize(("tamper", "reason"), TAMPERED.values(), ids=TAMPERED.keys())
def test_others_refuse_what_was_tampered_with(
    program: Path, written: Path, tmp_path: Path, tamper: Callable[[Path], None], reason: str
) -> None:
    """The same verifiers refuse every one of these changes, so that they accepted the log means something."""
    folder = Path(shutil.copytree(written, tmp_path / "tampered"))
    tamper(folder)
    result = run(program, "verify", str(folder))
    assert result.returncode == 1
    assert result.stderr.startswith("refused: ")
    assert reason in result.stderr


@pytest.mark.parametrize("at", [0, 1])
def test_others_refuse_a_false_cosignature(program: Path, written: Path, tmp_path: Path, at: int) -> None:
    """A cosignature of either type over another checkpoint is refused, not passed over."""
    folder = Path(shutil.copytree(written, tmp_path / "tampered"))
    other = cosign(checkpoint(1), KEYS[at], 1_679_315_147)
    note = signed(checkpoint(), None, [KEYS[1 - at]]).with_signatures([other])
    put(folder / "log/checkpoint", note.encode())
    result = run(program, "verify", str(folder))
    assert result.returncode == 1
    assert "invalid signature" in result.stderr


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what an auditor published in three turns, cosigned by two other countries, with the proofs it gave out."""
    folder = tmp_path_factory.mktemp("published")
    world = Auditors(folder / "world")
    node, heads = world.nodes["kz"], list[tuple[int, bytes]]()
    for count in (3, 260, 40):
        world.log(count)
        world.settle()
        head = Checkpoint.parse(node.note().text).head
        heads.append((head.size, head.root))
    trees = TileTrees(LogFolder(node.home.log_folder, log_name_of("kz")).reader(node.origin()), heads[-1][0])
    shutil.copytree(node.log_folder(), folder / "log")
    keys = audit_keys(world.fed.directory, CountryCode("kz"))
    put(folder / "log.vkey", keys.logs[shard_at(world.now_ms)].vkey.encode())
    witnesses = [
        key.vkey
        for country in ("kg", "uz")
        for key in audit_keys(world.fed.directory, CountryCode(country)).witness.values()
    ]
    put(folder / "witnesses.vkey", "\n".join(witnesses).encode())
    put(folder / "policy", policy_text(world.fed.directory, CountryCode("kz")).encode())
    for given in node.proofs():
        note = Note.parse(given.checkpoint)
        for proof in given.proofs:
            made = TlogProof(proof.index, proof.hashes, note)
            put(folder / "proofs" / f"{proof.index}.tlog-proof", made.encode())
    growth = []
    for size, root in heads:
        hashes = [base64.b64encode(hash_).decode() for hash_ in consistency_proof(trees, size, heads[-1][0])]
        growth.append({"Old": size, "Root": base64.b64encode(root).decode(), "Proof": hashes})
    put(folder / "consistency.json", json.dumps(growth).encode())
    world.close()
    return folder


def test_others_accept_what_an_auditor_publishes(program: Path, published: Path) -> None:
    """The log of a running auditor, cosigned across borders, and the proofs that members get hold for others."""
    size = len(list((published / "proofs").iterdir()))
    assert size == 303
    result = run(program, "verify", str(published))
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines()[0].endswith(f", {size} entries, 4 cosignatures")
    assert result.stdout.splitlines()[2:] == [f"proofs: {size}", "consistency: 3"]


def test_fsck_accepts_what_an_auditor_publishes(published: Path) -> None:
    """So does our own check, under the policy that anyone can print from the directory."""
    policy = Policy.parse((published / "policy").read_bytes())
    report = check_log(FolderSource(published / "log"), policy, io.BytesIO())
    assert (report.findings, report.quorum, report.complete) == ((), None, True)
    assert report.seen is not None
    assert len(report.seen.times_s) == 4


@pytest.mark.parametrize("size", [1, 256, 300, SIZE])
def test_we_accept_what_others_write(program: Path, tmp_path: Path, size: int) -> None:
    """A log, its keys, cosignatures and proof files that the Go modules wrote hold for ours, and not when changed."""
    result = run(program, "write", str(tmp_path), ORIGIN, str(size))
    assert (result.returncode, result.stderr) == (0, "")
    classic, quantum = (tmp_path / "witnesses.vkey").read_text().split()
    lines = [f"log {(tmp_path / 'log.vkey').read_text().strip()}", f"witness e {classic}", f"witness q {quantum}"]
    policy = Policy.parse("\n".join([*lines, "group both all e q", "quorum both", ""]).encode())
    source = FolderSource(tmp_path / "log")
    report = check_log(source, policy, io.BytesIO())
    assert (report.findings, report.quorum, report.complete) == ((), None, True)
    assert report.checkpoint is not None
    assert report.checkpoint.head == Head(size, root_of(size))
    assert compare(source, policy, (tmp_path / "log/checkpoint").read_bytes()) == ()
    for index in {0, size // 2, size - 1}:
        raw = (tmp_path / f"proofs/{index}.tlog-proof").read_bytes()
        proof = TlogProof.parse(raw)
        assert (proof.encode(), proof.index, proof.extra) == (raw, index, b"extra")
        proof.verify(DATA[index], policy)
        with pytest.raises(UntrustedError):
            proof.verify(DATA[index] + b"x", policy)
