"""PgBouncer (Debian's package) before a test's PostgreSQL."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from model_foundry.devstack.postgres import system_user
from model_foundry.devstack.processes import free_port, run_as

PGBOUNCER = shutil.which("pgbouncer")
needs_pgbouncer = pytest.mark.skipif(
    PGBOUNCER is None, reason="PgBouncer is missing (apt-get install pgbouncer): NOT tested"
)


@contextlib.contextmanager
def pgbouncer(url: str, mode: str, **settings: object) -> Iterator[str]:
    """The URL's database through a pooler in a mode; its settings are PgBouncer's defaults."""
    given = conninfo_to_dict(url)
    port = free_port()
    # Not in the test's home, which is closed to the user that PgBouncer runs as.
    directory = Path(tempfile.mkdtemp(prefix="model-foundry-"))
    users = directory / "users.txt"
    users.write_text(f'"{given["user"]}" "{given["password"]}"\n')
    configured = {
        "listen_addr": "127.0.0.1",
        "listen_port": port,
        "unix_socket_dir": "",
        "auth_type": "scram-sha-256",
        "auth_file": users,
        "logfile": directory / "pgbouncer.log",
        "pool_mode": mode,
        **settings,
    }
    target = f"host={given['host']} port={given['port']}"
    configuration = directory / "pgbouncer.ini"
    configuration.write_text(
        f"[databases]\n* = {target}\n[pgbouncer]\n"
        + "".join(f"{name} = {value}\n" for name, value in configured.items())
    )
    user = system_user() if os.geteuid() == 0 else None
    if user is not None:
        for path in (directory, users, configuration):
            shutil.chown(path, user)
    process = subprocess.Popen(
        [str(PGBOUNCER), "--quiet", configuration], cwd=directory, **run_as(user)
    )
    try:
        pooled = make_conninfo(url, port=port)
        for _ in range(100):
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(pooled, connect_timeout=2).close()
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.1)
        yield pooled
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(directory)
