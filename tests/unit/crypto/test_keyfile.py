"""Key files: one secret, one passphrase, one owner; written whole or not at all."""

from __future__ import annotations

import errno
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bench.counting import counting
from kafka.patience import wait
from refbus.crypto import keyfile
from refbus.crypto.framing import sha256
from refbus.errors import Code, MalformedError, RefbusError, SetupError, StoreError
from refbus.files import TEMPORARY, alone_in

PASSPHRASE = "fictional words only"
SECRET = bytes(range(64))


def _save(path: Path, passphrase: str = PASSPHRASE, label: str = "signing kz-agency01") -> Path:
    keyfile.save(path, passphrase, label, SECRET, memory_kib=64)
    return path


def _code(path: Path, passphrase: str = PASSPHRASE) -> Code:
    with pytest.raises(SetupError) as caught:
        keyfile.load(path, passphrase)
    assert SECRET.hex() not in str(caught.value)
    return caught.value.code


def _rewrite(path: Path, before: str, after: str) -> None:
    """Change the text and make the checksum fit again, as someone would who wants to be taken for the owner."""
    body = path.read_text().rsplit("sha256: ", 1)[0]
    assert before in body
    body = body.replace(before, after, 1)
    path.write_text(f"{body}sha256: {sha256(body.encode()).hex()}\n")


def test_a_secret_comes_back(tmp_path: Path) -> None:
    """What was saved is loaded, with its label; the file is the owner's alone and holds no secret in the clear."""
    path = _save(tmp_path / "signing.key")
    assert keyfile.load(path, PASSPHRASE) == ("signing kz-agency01", SECRET)
    assert path.stat().st_mode & 0o777 == 0o600
    assert SECRET.hex() not in path.read_text()


def test_the_default_cost_is_that_of_rfc_9106(tmp_path: Path) -> None:
    """Three passes, four lanes, 64 MiB."""
    keyfile.save(tmp_path / "k", PASSPHRASE, "label", SECRET)
    assert "argon2id: t=3 m=65536 p=4 salt=" in (tmp_path / "k").read_text()
    assert keyfile.load(tmp_path / "k", PASSPHRASE) == ("label", SECRET)


def test_a_wrong_passphrase_is_named(tmp_path: Path) -> None:
    """Another passphrase is told apart from damage."""
    path = _save(tmp_path / "k")
    assert _code(path, "other words") is Code.KEYFILE_WRONG_PASSPHRASE
    assert _code(path, "") is Code.KEYFILE_WRONG_PASSPHRASE


def test_a_passphrase_in_any_script(tmp_path: Path) -> None:
    """Composed and decomposed letters are the same passphrase, and bytes that are no text do no harm."""
    path = _save(tmp_path / "k", "пароль й")
    assert keyfile.load(path, "пароль и\u0306")[1] == SECRET
    assert _code(path, "\udcff") is Code.KEYFILE_WRONG_PASSPHRASE


@pytest.mark.parametrize("position", [0, 3, 20, 60, 100, 150, 250, -70, -2, -1])
def test_a_changed_byte_is_damage(tmp_path: Path, position: int) -> None:
    """One changed byte anywhere is found before the passphrase is tried."""
    path = _save(tmp_path / "k")
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)
    assert _code(path) is Code.KEYFILE_DAMAGED


@pytest.mark.parametrize("data", [b"", b"\n", b"refbus-key/v1\n", b"\xff" * 300, bytes(70_000)])
def test_what_is_no_key_file_is_damage(tmp_path: Path, data: bytes) -> None:
    """Empty, cut, binary and huge files are refused without reading on."""
    path = tmp_path / "k"
    path.write_bytes(data)
    path.chmod(0o600)
    assert _code(path) is Code.KEYFILE_DAMAGED


def test_trailing_bytes_are_damage(tmp_path: Path) -> None:
    """The file ends where it ends."""
    path = _save(tmp_path / "k")
    path.write_bytes(path.read_bytes() + b"\n")
    assert _code(path) is Code.KEYFILE_DAMAGED


def test_the_label_is_bound(tmp_path: Path) -> None:
    """A key cannot be passed off as another one by writing another label over it, checksum and all."""
    path = _save(tmp_path / "k")
    _rewrite(path, "kz-agency01", "kz-agency02")
    assert _code(path) is Code.KEYFILE_WRONG_PASSPHRASE


@pytest.mark.parametrize("memory", ["9999999", "1048577", "63"])
def test_absurd_costs_are_refused(tmp_path: Path, memory: str) -> None:
    """A file cannot make the machine spend gigabytes before it is refused."""
    path = _save(tmp_path / "k")
    _rewrite(path, " m=64 ", f" m={memory} ")
    assert _code(path) is Code.KEYFILE_DAMAGED


def test_a_sealed_part_too_short_for_a_tag_is_refused(tmp_path: Path) -> None:
    """Fewer bytes than nonce and tag are an error of ours, not the library's."""
    path = _save(tmp_path / "k")
    sealed = path.read_text().split("sealed: ")[1].split("\n")[0]
    _rewrite(path, sealed, "00")
    assert _code(path) is Code.KEYFILE_WRONG_PASSPHRASE


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o660, 0o777])
def test_a_file_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    """A key that group or others may read or write is not used."""
    path = _save(tmp_path / "k")
    path.chmod(mode)
    assert _code(path) is Code.KEYFILE_UNSAFE


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A missing file and a folder are unreadable, not damaged."""
    assert _code(tmp_path / "none") is Code.FILE_UNREADABLE
    assert _code(tmp_path) is Code.FILE_UNREADABLE


def test_saving_replaces_in_one_step(tmp_path: Path) -> None:
    """A new passphrase takes the place of the old one, and no draft is left over."""
    path = _save(tmp_path / "k")
    _save(path, "new words")
    assert keyfile.load(path, "new words")[1] == SECRET
    assert [file.name for file in tmp_path.iterdir()] == ["k"]


@pytest.mark.parametrize(("number", "code"), [(errno.ENOSPC, Code.STORE_FULL), (errno.EIO, Code.STORE_FAILED)])
def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: Code
) -> None:
    """A disk that is full or fails loses nothing: the old key is still there, the draft is not."""
    path = _save(tmp_path / "k")

    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StoreError) as caught:
        _save(path, "new words")
    assert caught.value.code is code
    assert keyfile.load(path, PASSPHRASE)[1] == SECRET
    assert [file.name for file in tmp_path.iterdir()] == ["k"]


@pytest.mark.parametrize("label", ["", " a", "a ", "a  b", "a\nb", "имя", "x" * 201])
def test_labels_are_plain(tmp_path: Path, label: str) -> None:
    """A label is printable ASCII in single words, so the header has one reading."""
    with pytest.raises(MalformedError) as caught:
        _save(tmp_path / "k", label=label)
    assert caught.value.code is Code.MALFORMED
    assert not list(tmp_path.iterdir())


def test_every_error_is_ours(tmp_path: Path) -> None:
    """A place where no folder can be is a store error like any other."""
    (tmp_path / "none").write_bytes(b"")
    with pytest.raises(RefbusError):
        _save(tmp_path / "none" / "k")


@pytest.mark.parametrize("written", ["\ufeffsecret words", "secret words ", "\ufeffsecret words \t"])
def test_what_an_editor_put_around_a_passphrase_does_not_lock_anybody_out(tmp_path: Path, written: str) -> None:
    """A byte order mark before, blanks behind: made with them or without, the key opens with both."""
    made_so, typed = tmp_path / "a.key", tmp_path / "b.key"
    keyfile.save(made_so, written, "test", b"secret", memory_kib=64)
    keyfile.save(typed, "secret words", "test", b"secret", memory_kib=64)
    for path in (made_so, typed):
        assert keyfile.load(path, "secret words") == keyfile.load(path, written) == ("test", b"secret")
    with pytest.raises(SetupError):
        keyfile.load(typed, " secret words")


def test_of_two_that_make_a_key_at_once_both_have_the_first(tmp_path: Path) -> None:
    """One looked and found none, another was faster: both go on with the key on the disk."""
    path = tmp_path / "keys" / "store.key"
    with ThreadPoolExecutor(1) as other:
        with alone_in(path.parent):
            later = other.submit(keyfile.found_or_made, path, PASSPHRASE, "store kz", b"later" * 8, memory_kib=64)
            wait("a draft is there", lambda: any(path.parent.glob(f"{TEMPORARY}*")))
            keyfile.save(path, PASSPHRASE, "store kz", b"first" * 8, memory_kib=64)
        assert later.result() == b"first" * 8
    assert keyfile.load(path, PASSPHRASE) == ("store kz", b"first" * 8)
    assert [each.name for each in path.parent.iterdir()] == ["store.key"]


def test_many_that_make_a_key_at_once_have_the_same(tmp_path: Path) -> None:
    """Eight threads that look together all return what the file holds."""
    path, together = tmp_path / "store.key", threading.Barrier(8)

    def make(number: int) -> bytes:
        together.wait()
        return keyfile.found_or_made(path, PASSPHRASE, "store kz", bytes([number]) * 32, memory_kib=64)

    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(make, range(8)))
    assert made == {keyfile.load(path, PASSPHRASE)[1]}


def test_a_new_key_never_takes_the_place_of_another(tmp_path: Path) -> None:
    """`create` refuses where there is a file, also one that came after it had looked."""
    path = tmp_path / "tj.key"
    with ThreadPoolExecutor(1) as other:
        with alone_in(tmp_path):
            later = other.submit(keyfile.create, path, PASSPHRASE, "tuf tj", b"later" * 8, memory_kib=64)
            wait("a draft is there", lambda: any(tmp_path.glob(f"{TEMPORARY}*")))
            keyfile.save(path, PASSPHRASE, "tuf tj", b"first" * 8, memory_kib=64)
        with pytest.raises(SetupError) as caught:
            later.result()
    assert caught.value.code is Code.KEYFILE_UNSAFE
    assert keyfile.load(path, PASSPHRASE)[1] == b"first" * 8


def test_a_key_of_somebody_else_is_not_taken_for_ones_own(tmp_path: Path) -> None:
    """Another label is damage."""
    path = _save(tmp_path / "store.key")
    with pytest.raises(SetupError) as caught:
        keyfile.found_or_made(path, PASSPHRASE, "store kz", SECRET, memory_kib=64)
    assert caught.value.code is Code.KEYFILE_DAMAGED


def test_many_passphrases_are_tried_at_once(tmp_path: Path) -> None:
    """Eight threads that open a key file again and again, as people sign in at a desk, all have its secret."""
    path = _save(tmp_path / "k")
    with ThreadPoolExecutor(8) as pool:
        assert {secret for _, secret in pool.map(lambda _: keyfile.load(path, PASSPHRASE), range(64))} == {SECRET}


def test_files_of_one_home_are_derived_once(tmp_path: Path) -> None:
    """They have one salt; within the block the passphrase is derived for the first, and afterwards nothing is kept."""
    paths = [tmp_path / "signing.key", tmp_path / "kem.key", tmp_path / "store.key"]
    for path in paths:
        keyfile.save(path, "words", path.stem, path.stem.encode(), memory_kib=64, own_salt=False)
    with counting() as inside, keyfile.derived_once():
        assert [keyfile.load(path, "words") for path in paths] == [(path.stem, path.stem.encode()) for path in paths]
    with counting() as outside:
        keyfile.load(paths[0], "words")
    assert [counts.calls[DERIVES] for counts in (inside, outside)] == [1, 1]


def test_a_wrong_passphrase_is_refused_among_the_others(tmp_path: Path) -> None:
    """What was derived for the right one opens nothing for another."""
    path = tmp_path / "signing.key"
    keyfile.save(path, "words", "signing", b"secret", memory_kib=64, own_salt=False)
    with keyfile.derived_once():
        keyfile.load(path, "words")
        with pytest.raises(SetupError) as caught:
            keyfile.load(path, "other words")
    assert caught.value.code is Code.KEYFILE_WRONG_PASSPHRASE


def test_files_of_several_people_share_no_salt(tmp_path: Path) -> None:
    """One guess is tried against one of them alone."""
    for name in ("first", "second"):
        keyfile.save(tmp_path / f"{name}.key", "words", name, b"secret", memory_kib=64)
    salts = {path.read_text().split("salt=")[1][:32] for path in tmp_path.glob("*.key")}
    assert len(salts) == 2


DERIVES = ("refbus/crypto/keyfile.py", "_Head._derive")
