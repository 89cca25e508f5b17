"""Certificates: the files that settings name, as Python's clients take them."""

import contextlib
import ssl
from collections.abc import Iterator

from streams.setting import SettingsError


def context_of(cafile: str, certfile: str, keyfile: str, passphrase: str) -> ssl.SSLContext:
    """Trust `cafile`, or what the system trusts; show the certificate, where there is one.

    Raises
    ------
    SettingsError
        For a file that is not there, is no PEM, or a key that does not fit its certificate or its
        passphrase.
    """
    with _usable("KAFKA_SSL_CAFILE", "a file of PEM certificates", cafile):
        context = ssl.create_default_context(cafile=cafile or None)
    names = "KAFKA_SSL_CERTFILE and KAFKA_SSL_KEYFILE"
    if bool(certfile) != bool(keyfile):
        msg = f"expected both {names}, found one of them; set the other too"
        raise SettingsError(msg)
    if certfile:
        kind = "PEM files, a certificate and its key, open or opened by KAFKA_SSL_KEY_PASSPHRASE,"
        with _usable(names, kind, f"{certfile} and {keyfile}"):
            # subtle: without a password given, OpenSSL would ask for one at the terminal
            context.load_cert_chain(certfile, keyfile, lambda: passphrase)
    return context


@contextlib.contextmanager
def _usable(name: str, expected: str, path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:  # `ssl.SSLError` is one
        found = error.strerror or str(error)
        if isinstance(error, ssl.SSLError):
            found = f"none that can be used ({error.reason or 'no PEM, or a passphrase'})"
        msg = f"{name}: expected {expected} at {path}, found {found}; name files of this kind"
        raise SettingsError(msg) from None
