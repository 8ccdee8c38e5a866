"""Lost keys of the directory, by the page as printed; and what offices see meanwhile."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tuf.api.metadata import Key, Metadata, Root

from refbus.clock import machine_ms
from refbus.core.ids import CountryCode
from refbus.core.units import DAY_MS
from refbus.errors import Code, RefbusError, SetupError, UncheckableError
from refbus.resources import data_dir
from refbus.trust.layout import TIMESTAMP, list_files
from refbus.trust.publisher import changes
from refbus.trust.publisher.ceremony import FederationPaths
from refbus.trust.publisher.custody import create_key, load_signer
from refbus.trust.publisher.repository import Publication
from refbus.trust.reader.loader import TrustStore
from support.ceremonies import AGENCY, KG, KZ, PASSPHRASE, UZ, Lab, read
from support.gateways import World, alarm_codes
from support.howto import Page, Shell, environment

NAMES = ("kg", "kz", "uz")
THREE = "threshold = 2\n" + "".join(f'[[country]]\ncode = "{each}"\npolicy = "{each}.toml"\n' for each in NAMES)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """Give the shell of somebody at the ceremony of three countries, from which the anchor of kg has lost its key."""
    (tmp_path / "passphrase").write_text(PASSPHRASE + "\n", encoding="utf-8")
    for country in NAMES:
        policy = (data_dir("keys") / "policies" / f"{country}.toml").read_text(encoding="utf-8")
        (tmp_path / f"{country}.toml").write_text(policy, encoding="utf-8")
    (tmp_path / "three.toml").write_text(THREE, encoding="utf-8")
    settings = {"FED": str(tmp_path / "fed"), "P": str(tmp_path / "passphrase")}
    create = "refbus-ops directory --federation $FED create --description three.toml --passphrase-file $P"
    subprocess.run(["bash", "-c", create], cwd=tmp_path, env=environment(**settings), check=True, capture_output=True)
    made = Shell(tmp_path, settings)
    yield made
    made.close()


def test_every_key_is_replaced_by_the_page_alone(shell: Shell) -> None:
    """A reader that knew the old keys goes on without pinning anything again, and what was lost counts no more."""
    paths = FederationPaths(shell.folder / "fed")
    lost = [paths.anchor(KG), paths.online("timestamp"), paths.online("snapshot"), paths.delegation(UZ)]
    gone = {load_signer(path, PASSPHRASE).public_key.keyid for path in lost}
    reader = TrustStore.create(shell.folder / "reader", paths.root.read_bytes())
    before = read(reader, list_files(paths.repository), machine_ms())
    paths.anchor(KG).unlink()
    shell.follow(Page.read("operators/directory-keys.md"))
    after = read(reader, list_files(paths.repository), machine_ms())
    assert (after.countries(), after.version) == (before.countries(), before.version + 3)
    root = Metadata[Root].from_file(str(paths.repository / "metadata" / "3.root.json")).signed
    assert (root.roles["root"].threshold, len(root.roles["root"].keyids)) == (2, 3)
    targets = (paths.repository / "metadata" / "2.targets.json").read_bytes()
    assert not any(keyid.encode() in targets for keyid in gone)
    assert not gone & set(root.keys)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return four countries, three of whose anchors must sign."""
    return World(tmp_path)


def new_key(path: Path) -> Key:
    """Make a key at `path`; return its public half."""
    return create_key(path, PASSPHRASE, memory_kib=64).public_key


def replaced(lab: Lab, folder: Path, now_ms: int) -> Publication:
    """Return a change that gives the part of kg's anchor and both online keys to new ones."""
    publication = lab.publication(now_ms)
    old = load_signer(lab.paths.anchor(KG), PASSPHRASE).public_key.keyid
    changes.add_anchor(publication, new_key(folder / "anchors" / "kg.key"), 3)
    changes.remove_anchor(publication, old, 3)
    for role in ("timestamp", "snapshot"):
        lab.paths.online(role).unlink()
        changes.replace_online(
            publication, role, create_key(lab.paths.online(role), PASSPHRASE, memory_kib=64).public_key
        )
    return publication


def test_offices_work_on_while_keys_are_lost_and_take_the_new_ones_without_an_alarm(world: World) -> None:
    """For seven days nobody sees anything; then the directory has expired, which the next publication ends."""
    gateway = world.gateway(AGENCY)
    world.log(KZ).show(world.lab.files())
    world.sync(gateway)
    quiet = alarm_codes(gateway)
    world.clock.move(days=6)
    world.sync(gateway)
    assert (gateway.view().version, alarm_codes(gateway)) == (1, quiet)
    world.clock.move(days=2)
    world.sync(gateway)
    with pytest.raises(UncheckableError) as expired:
        gateway.history.require_fresh(world.clock())
    assert expired.value.code is Code.DIRECTORY_EXPIRED
    assert not {Code.DIRECTORY_INVALID, Code.DIRECTORY_FORKED} & set(alarm_codes(gateway))
    world.lab.publish(replaced(world.lab, world.folder, world.clock()))
    world.publish()
    world.sync(gateway)
    assert gateway.history.require_fresh(world.clock()).version == 2
    assert not set(alarm_codes(gateway)) - set(quiet)
    gateway.close()


def _flipped(content: bytes, lab: Lab, country: CountryCode) -> bytes:
    """Return a root with another bit in the signature of one anchor."""
    keyid = load_signer(lab.paths.anchor(country), PASSPHRASE).public_key.keyid.encode()
    at = content.index(b'"sig"', content.index(b'"keyid":"%b"' % keyid)) + 10
    return content[:at] + (b"0" if content[at : at + 1] != b"0" else b"1") + content[at + 1 :]


def _stranger(content: bytes, lab: Lab, folder: Path) -> bytes:
    """Return metadata with a signature of a key that may not sign it."""
    metadata = Metadata[Root].from_bytes(content)
    metadata.sign(create_key(folder / "anchors" / "zz.key", PASSPHRASE, memory_kib=64), append=True)
    return metadata.to_bytes()


def test_a_root_with_one_signature_too_many_that_is_false_is_passed_over(world: World) -> None:
    """Enough others are good, and yet its bytes are not those of the log: the right one is taken when it comes."""
    lab, now_ms = world.lab, world.clock()
    store = lab.store(world.folder / "reader")
    read(store, lab.files())
    publication = lab.publication(now_ms)
    changes.add_anchor(
        publication, create_key(world.folder / "anchors" / "new.key", PASSPHRASE, memory_kib=64).public_key, 3
    )
    lab.publish(publication)
    files = dict(lab.files())
    right = files["metadata/2.root.json"]
    for wrong in (_flipped(right, lab, KG), _stranger(right, lab, world.folder), right + b" "):
        assert wrong != right
        reader = lab.store(world.folder / f"reader-{len(wrong)}-{wrong[-1]}")
        read(reader, [*(files | {"metadata/2.root.json": wrong}).items()], now_ms)
        assert "metadata/2.root.json" not in dict(reader.files())
        read(reader, files.items(), now_ms)
        assert dict(reader.files())["metadata/2.root.json"] == right
    read(store, files.items(), now_ms)
    assert dict(store.files())["metadata/2.root.json"] == right


def test_a_timestamp_with_a_signature_of_a_stranger_is_refused(world: World) -> None:
    """The one before stays, and the right one comes in."""
    lab, now_ms = world.lab, world.clock() + DAY_MS
    store = lab.store(world.folder / "reader")
    read(store, lab.files())
    lab.republish(now_ms)
    files = dict(lab.files())
    with pytest.raises(RefbusError) as refused:
        read(store, [*(files | {TIMESTAMP: _stranger(files[TIMESTAMP], lab, world.folder)}).items()], now_ms)
    assert refused.value.code is Code.DIRECTORY_INVALID
    assert read(store, files.items(), now_ms).version == 1


def test_a_home_is_pinned_to_a_root_as_it_was_published(world: World) -> None:
    """A bit in a spare signature is found at the moment in which a person compares, not later."""
    root = world.lab.paths.root.read_bytes()
    with pytest.raises(SetupError) as refused:
        TrustStore.create(world.folder / "reader", _flipped(root, world.lab, KG))
    assert refused.value.code is Code.HOME_DAMAGED
    TrustStore.create(world.folder / "reader", root)
