"""Apache Kafka with a door of each kind and ACLs, for the tests of what is said at a locked door.

One broker, seven listeners: PLAINTEXT for the test itself (its clients may do everything), TLS, TLS
that asks for the client's certificate, SASL with PLAIN without and with TLS, SCRAM, and OAUTHBEARER
with tokens that nobody signs (`tests.token_endpoint`), good for connections of 4 s. Users have
the rights that a test gives them, none besides; a password is the user's name and `-secret`.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from tests.cluster import Cluster, free_ports

DOORS = {  # listener -> protocol
    "TLS": "SSL",
    "MTLS": "SSL",
    "PLAIN": "SASL_PLAINTEXT",
    "PLAINTLS": "SASL_SSL",
    "SCRAM": "SASL_PLAINTEXT",
    "OAUTH": "SASL_PLAINTEXT",
}
PASSPHRASE = "open-the-key"
USERS = ("worker", "serving", "operator", "producer", "caller", "reader", "encoder")


class SecuredCluster(Cluster):
    """One broker with certificates of its own. `bootstrap` is the door without a lock."""

    def _choose_ports(self) -> None:
        super()._choose_ports()
        self.doors = dict(zip(DOORS, free_ports(len(DOORS)), strict=True))

    def _start_once(self) -> None:
        if not (self.directory / "ca.pem").exists():
            certificates(self.directory, "ca")
            certificates(self.directory / "other", "another authority")
        super()._start_once()

    def door(self, name: str) -> str:
        """Bootstrap servers of one listener."""
        return f"localhost:{self.doors[name]}"

    def settings_at(self, name: str, user: str = "worker") -> dict[str, str]:
        """What a user sets to come in by this door."""
        protocol = DOORS[name]
        environ = {"KAFKA_BOOTSTRAP_SERVERS": self.door(name), "KAFKA_SECURITY_PROTOCOL": protocol}
        if protocol.startswith("SASL"):
            environ |= {"KAFKA_SASL_USERNAME": user, "KAFKA_SASL_PASSWORD": f"{user}-secret"}
        if protocol.endswith("SSL"):
            environ["KAFKA_SSL_CAFILE"] = str(self.directory / "ca.pem")
        if name == "OAUTH":
            environ["KAFKA_SASL_MECHANISM"] = "OAUTHBEARER"
        if name == "MTLS":
            environ["KAFKA_SSL_CERTFILE"] = str(self.directory / "client.pem")
            environ["KAFKA_SSL_KEYFILE"] = str(self.directory / "client.key")
        return environ

    def admin(self) -> AdminClient:
        """A client that may do everything."""
        return AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})

    def allow(self, user: str, rights: Iterable[tuple[str, str, str]]) -> None:
        """Give a user rights: (operation, resource type, name); a name that ends with `*` is a
        prefix.
        """
        wanted = [AclBinding(*_acl(user, right)) for right in rights]
        admin = self.admin()  # kept until the answer is there
        for future in admin.create_acls(wanted).values() if wanted else ():
            future.result(20)
        self._until(user, lambda found: found >= set(wanted))

    def forbid(self, user: str, right: tuple[str, str, str]) -> None:
        """Take one right of a user."""
        gone = AclBinding(*_acl(user, right))
        admin = self.admin()
        for future in admin.delete_acls([AclBindingFilter(*_acl(user, right))]).values():
            future.result(20)
        self._until(user, lambda found: gone not in found)

    def forbid_all(self, user: str) -> None:
        """Take every right of a user."""
        admin = self.admin()
        for future in admin.delete_acls([_everything(user)]).values():
            future.result(20)
        self._until(user, lambda found: not found)

    def _until(self, user: str, so: Callable[[set[AclBinding]], bool]) -> None:
        """Until the broker knows: the controller answers, and the broker hears of it a while
        later.
        """
        admin, end = self.admin(), time.monotonic() + 20
        while not so(set(admin.describe_acls(_everything(user)).result(20))):
            assert time.monotonic() < end, f"ACLs of {user} do not come"
            time.sleep(0.02)

    def _properties(self, node: int) -> dict[str, str]:
        own = super()._properties(node)
        places = {name: f"{name}://localhost:{port}" for name, port in self.doors.items()}
        users = " ".join(f'user_{user}="{user}-secret"' for user in USERS)
        login = f"org.apache.kafka.common.security.plain.PlainLoginModule required {users};"
        scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        own |= {
            "listeners": ",".join([own["listeners"], *places.values()]),
            "advertised.listeners": ",".join([own["advertised.listeners"], *places.values()]),
            "listener.security.protocol.map": ",".join(
                [
                    "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
                    *(f"{name}:{protocol}" for name, protocol in DOORS.items()),
                ]
            ),
            "inter.broker.listener.name": "PLAINTEXT",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
            "listener.name.mtls.ssl.client.auth": "required",
            "listener.name.scram.sasl.enabled.mechanisms": "SCRAM-SHA-256",
            "listener.name.oauth.sasl.enabled.mechanisms": "OAUTHBEARER",
            "listener.name.oauth.oauthbearer.sasl.jaas.config": (
                "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;"
            ),
            "listener.name.oauth.oauthbearer.connections.max.reauth.ms": "4000",
            "listener.name.scram.scram-sha-256.sasl.jaas.config": scram,
        }
        for name, protocol in DOORS.items():
            door = f"listener.name.{name.lower()}"
            if protocol.endswith("SSL"):
                own |= {
                    f"{door}.ssl.keystore.type": "PEM",
                    f"{door}.ssl.keystore.location": str(self.directory / "server.keystore.pem"),
                    f"{door}.ssl.truststore.type": "PEM",
                    f"{door}.ssl.truststore.location": str(self.directory / "ca.pem"),
                }
            if name.startswith("PLAIN"):
                own |= {
                    f"{door}.sasl.enabled.mechanisms": "PLAIN",
                    f"{door}.plain.sasl.jaas.config": login,
                }
        return own | self.settings


def _everything(user: str) -> AclBindingFilter:
    return AclBindingFilter(
        ResourceType.ANY,
        None,
        ResourcePatternType.ANY,
        f"User:{user}",
        None,
        AclOperation.ANY,
        AclPermissionType.ANY,
    )


def _acl(user: str, right: tuple[str, str, str]) -> tuple[Any, ...]:
    operation, kind, name = right
    return (
        ResourceType[kind],
        name.rstrip("*"),
        ResourcePatternType.PREFIXED if name.endswith("*") else ResourcePatternType.LITERAL,
        f"User:{user}",
        "*",
        AclOperation[operation],
        AclPermissionType.ALLOW,
    )


def certificates(directory: Path, authority: str) -> None:
    """An authority, and certificates of a server and of a client that it signed, as PEM."""
    directory.mkdir(parents=True, exist_ok=True)

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)

    new = ("-newkey", "rsa:2048", "-nodes")
    signed_by = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30")
    openssl(
        *("req", "-x509", *new, "-days", "30", "-subj", f"/CN={authority}"),
        *("-keyout", "ca.key", "-out", "ca.pem"),
    )
    (directory / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    for name in ("server", "client"):
        openssl(
            *("req", *new, "-subj", f"/CN={name}", "-keyout", f"{name}.key"),
            *("-out", f"{name}.csr"),
        )
        openssl(
            *("x509", "-req", "-in", f"{name}.csr", *signed_by, "-extfile", "names"),
            *("-out", f"{name}.pem"),
        )
    openssl(
        *("rsa", "-aes256", "-in", "client.key", "-passout", f"pass:{PASSPHRASE}"),
        *("-out", "locked.key"),
    )
    key, certificate = directory / "server.key", directory / "server.pem"
    (directory / "server.keystore.pem").write_text(key.read_text() + certificate.read_text())
