"""TLS to the database: what sslmode promises is kept, with both decoders, on both engines."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import servers
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from etl_process import Database, Etl

_QUERY = {
    "postgresql": "select n, md5(n::text) as noise, ssl from generate_series(1, 50000) n,"
    " pg_stat_ssl where pid = pg_backend_pid()",
    "mariadb": "select seq as n, md5(seq) as noise, (select variable_value <> ''"
    " from information_schema.session_status where variable_name = 'SSL_CIPHER') as 'ssl'"
    " from seq_1_to_50000",
}


@pytest.fixture(scope="module", params=["postgresql", "mariadb"])
def encrypted(request: pytest.FixtureRequest) -> Iterator[tuple[Database, str]]:
    """A server with a certificate for 127.0.0.1, and the certificate of its authority."""
    needed = {"postgresql": "initdb", "mariadb": "mariadbd"}[request.param]
    if not servers.program(needed):
        pytest.skip(f"{needed} is not installed")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        authority = _certificates(folder, user="postgres" if request.param == "postgresql" else "mysql")
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        certificate, key = folder / "server.pem", folder / "server.key"
        if request.param == "postgresql":
            settings = ["ssl=on", f"ssl_cert_file={certificate}", f"ssl_key_file={key}"]
            server = stack.enter_context(servers.postgresql(home, *settings))
        else:
            server = stack.enter_context(
                servers.mariadb(home, f"--ssl-cert={certificate}", f"--ssl-key={key}")
            )
        yield Database(server=server, say=lambda *_: []), authority


@pytest.mark.servers
@pytest.mark.parametrize("decoder", ["native", "python"])
def test_rows_come_encrypted_from_a_server_whose_certificate_is_vouched_for(
    etl: Etl, encrypted: tuple[Database, str], decoder: str, native_decoder: None
) -> None:
    database, authority = encrypted
    secret = database.secret | {"sslrootcert": authority}
    outcome = etl.run(
        database, query=_QUERY[database.engine], secret=secret, environment={"HYBRID_DECODER": decoder}
    )
    assert outcome.code == 0, outcome.lines
    table = pq.read_table(outcome.files[0])
    assert table.num_rows == 50000
    assert {bool(value) for value in table.column("ssl").to_pylist()} == {True}


@pytest.mark.servers
def test_an_unknown_authority_or_a_wrong_name_is_refused(etl: Etl, encrypted: tuple[Database, str]) -> None:
    database, authority = encrypted
    with tempfile.TemporaryDirectory() as other:
        stranger = _certificates(Path(other), user=None)
    unknown = etl.run(database, secret=database.secret | {"sslrootcert": stranger})
    wrong_name = etl.run(database, secret=database.secret | {"sslrootcert": authority, "host": "localhost"})
    no_name = etl.run(
        database,
        secret=database.secret | {"sslrootcert": authority, "host": "localhost", "sslmode": "verify-ca"},
    )
    assert unknown.code == 2, unknown.lines
    assert wrong_name.code == 2, wrong_name.lines
    assert "certificate" in unknown.message
    assert "certificate" in wrong_name.message
    assert no_name.code == 0, no_name.lines


def test_tls_that_is_asked_for_is_not_done_without(etl: Etl, postgresql: Database) -> None:
    outcome = etl.run(postgresql, secret=postgresql.secret | {"sslmode": "require"})
    assert outcome.code == 2, outcome.lines
    assert outcome.manifests == []


def _certificates(folder: Path, *, user: str | None) -> str:
    authority_key, server_key = (
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP256R1()),
    )
    authority_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"authority {folder.name}")])
    server_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "database")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    authority = (
        _builder(authority_name, authority_name, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    server = (
        _builder(server_name, authority_name, server_key.public_key())
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
        )
        .sign(authority_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "server.pem").write_bytes(server.public_bytes(pem))
    private = (pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    key = folder / "server.key"
    key.write_bytes(server_key.private_bytes(*private))
    key.chmod(0o600)
    if user and os.getuid() == 0:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, user, user)
    return authority.public_bytes(pem).decode()


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=2))
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
