"""A backup of an auditor's home: made beside the running auditor, and a backup only when it could be restored."""

from __future__ import annotations

from pathlib import Path

import pytest

from refbus.errors import RefbusError
from refbus.trust.homes import Home
from refbus_auditor.backup import backup
from refbus_auditor.home import STORE, AuditorHome
from refbus_auditor.putback import restore
from support.ceremonies import PASSPHRASE, lab


@pytest.fixture
def auditor(tmp_path: Path) -> Path:
    """Return the home of the auditor of kz, opened once."""
    (folder,) = [path.parent.parent for path in lab(tmp_path).paths.out.glob("homes/kz-*/keys/log.key")]
    AuditorHome.open(folder, PASSPHRASE).close()
    return folder


def test_a_backup_beside_a_running_auditor_makes_a_lost_home_again(auditor: Path, tmp_path: Path) -> None:
    """A new machine has the same secret of the log, and its store opens."""
    running = AuditorHome.open(auditor, PASSPHRASE)
    told = backup(auditor, PASSPHRASE, tmp_path / "copy")
    running.close()
    assert "has succeeded" in told[0]
    restore(tmp_path / "new", PASSPHRASE, tmp_path / "copy", older=False)
    opened = AuditorHome.open(tmp_path / "new", PASSPHRASE)
    assert opened.secret.secret == Home(auditor).log_secret(PASSPHRASE).secret
    opened.close()


def test_what_cannot_be_restored_is_no_backup(auditor: Path, tmp_path: Path) -> None:
    """A damaged store leaves no folder."""
    (auditor / "store" / STORE).write_bytes(b"no database at all" * 1000)
    with pytest.raises(RefbusError):
        backup(auditor, PASSPHRASE, tmp_path / "copy")
    assert not [path for path in tmp_path.iterdir() if "copy" in path.name]
